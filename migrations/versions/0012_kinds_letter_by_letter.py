"""Kinds of products are compared letter by letter, as in a file: a server took all emoji for one,
and letters for those with accents. The worker of this version counts the days anew by itself. The
column of `interactions` is changed at once, since it has no index."""

from alembic import op
from sqlalchemy import Column

from migrations.columns import exact_words, words
from migrations.statements import modify

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    modify("interactions", Column("product_kind", exact_words(64)))
    modify("daily_products", Column("product_kind", exact_words(64), nullable=False))


def downgrade() -> None:
    # Kinds that become the same would be two rows of one key. The version before counts them anew.
    op.execute("DELETE FROM daily_products")
    op.execute("DELETE FROM rollup_state WHERE name IN ('journeys', 'form-3')")
    modify("daily_products", Column("product_kind", words(64), nullable=False))
    modify("interactions", Column("product_kind", words(64)))
