"""An upload may say which user it is of."""

import sqlalchemy as sa

from gateway.log.schema.columns import code
from gateway.log.schema.ddl import alter, undo_alter

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    user = sa.Column("user_pseudonym", code(32))
    alter("images", add=[user], index=("user_pseudonym",))


def downgrade() -> None:
    undo_alter("images", drop=("user_pseudonym",), index=("user_pseudonym",))
