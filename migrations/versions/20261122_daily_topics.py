"""Roll-up: languages, intents and clients by day."""

from alembic import op

from gateway.log.schema.columns import TABLE_OPTIONS, code, daily_columns

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.create_table(
        "daily_topics",
        *daily_columns(("asks", "answered"), language=code(8), intent=code(16), client=code(16)),
        **TABLE_OPTIONS,
    )


def downgrade() -> None:
    op.drop_table("daily_topics")
