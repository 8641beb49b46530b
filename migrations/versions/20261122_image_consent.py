"""Whether an upload may become an example for a better model."""

import sqlalchemy as sa
from alembic import op

from gateway.log.schema.columns import code

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    op.add_column("images", sa.Column("consent", code(16)))


def downgrade() -> None:
    op.drop_column("images", "consent")
