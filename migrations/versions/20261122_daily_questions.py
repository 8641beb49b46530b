"""Roll-up: what is asked, by day. The words stay in the interactions."""

import sqlalchemy as sa
from alembic import op

from gateway.log.schema.columns import TABLE_OPTIONS, UuidBytes, code, daily_columns

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    op.create_table(
        "daily_questions",
        *daily_columns(
            ("asked", "answered", "from_cache", "photos", "sessions"), question_hash=code(32)
        ),
        sa.Column("language", code(8)),
        sa.Column("intent", code(16)),
        sa.Column("example_id", UuidBytes, nullable=False),
        **TABLE_OPTIONS,
    )


def downgrade() -> None:
    op.drop_table("daily_questions")
