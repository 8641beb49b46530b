"""Which cached answer a thumb was on: thumbs down are counted by it."""

import sqlalchemy as sa

from gateway.log.schema.columns import code
from gateway.log.schema.ddl import alter, undo_alter

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    alter("feedback", add=[sa.Column("answer_key", code(64))], index=("answer_key",))


def downgrade() -> None:
    undo_alter("feedback", drop=("answer_key",), index=("answer_key",))
