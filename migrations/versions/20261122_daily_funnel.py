"""Roll-up: how far sessions come, by day."""

from alembic import op

from gateway.log.schema.columns import TABLE_OPTIONS, daily_columns

revision = "0029"
down_revision = "0028"


def upgrade() -> None:
    op.create_table(
        "daily_funnel",
        *daily_columns(
            ("sessions", "with_photo", "asked", "answered", "asked_again", "voted", "thumbs_up")
        ),
        **TABLE_OPTIONS,
    )


def downgrade() -> None:
    op.drop_table("daily_funnel")
