"""Roll-up: how many different users, sessions, photos and questions a day."""

from alembic import op

from gateway.log.schema.columns import TABLE_OPTIONS, daily_columns

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.create_table(
        "daily_reach",
        *daily_columns(("users", "sessions", "photos", "questions")),
        **TABLE_OPTIONS,
    )


def downgrade() -> None:
    op.drop_table("daily_reach")
