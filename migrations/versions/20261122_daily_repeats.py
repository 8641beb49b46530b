"""Roll-up: how often the same is asked again."""

from alembic import op

from gateway.log.schema.columns import TABLE_OPTIONS, daily_columns

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.create_table(
        "daily_repeats", *daily_columns(("asks", "different", "by_asker")), **TABLE_OPTIONS
    )


def downgrade() -> None:
    op.drop_table("daily_repeats")
