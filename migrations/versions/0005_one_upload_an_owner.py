"""An owner has one row of a photo, which `owner_digest` finds; a tenant's rows are summed up."""

from sqlalchemy import Column

from migrations.columns import code
from migrations.statements import alter, undo_alter

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    alter(
        "images", add=[Column("owner_digest", code(64))], index=["tenant"], unique=["owner_digest"]
    )


def downgrade() -> None:
    undo_alter("images", drop=["owner_digest"], index=["tenant", "owner_digest"])
