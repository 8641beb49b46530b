"""Which product a card was about, and the score of a match."""

from sqlalchemy import Column

from migrations.columns import NUMBER, words
from migrations.statements import alter, undo_alter

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    alter(
        "interactions",
        add=[Column("product_kind", words(64)), Column("match_score", NUMBER)],
    )


def downgrade() -> None:
    undo_alter("interactions", drop=["product_kind", "match_score"])
