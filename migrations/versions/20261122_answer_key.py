"""Which cached answer an interaction was given: for purges and for thumbs."""

import sqlalchemy as sa
from alembic import op

from gateway.log.schema.columns import code

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("interactions", sa.Column("answer_key", code(64)))


def downgrade() -> None:
    op.drop_column("interactions", "answer_key")
