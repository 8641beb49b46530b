"""A person's rows are found by an index: for erasure, and for questions about one user."""

from gateway.log.schema.ddl import alter, undo_alter

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    alter("interactions", index=("user_pseudonym",))


def downgrade() -> None:
    undo_alter("interactions", index=("user_pseudonym",))
