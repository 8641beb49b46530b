"""Thumbs by time for reports, by person and session for erasure."""

from gateway.log.schema.ddl import alter, undo_alter

revision = "0007"
down_revision = "0006"

INDEXES = ("created_at", "user_pseudonym", "session_id")


def upgrade() -> None:
    alter("feedback", index=INDEXES)


def downgrade() -> None:
    undo_alter("feedback", index=INDEXES)
