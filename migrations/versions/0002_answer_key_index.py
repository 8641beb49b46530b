"""An index of the log's answer keys: by it an erasure finds who else was given an answer."""

from migrations.statements import alter, undo_alter

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    alter("interactions", index=("answer_key",))


def downgrade() -> None:
    undo_alter("interactions", index=("answer_key",))
