"""Roll-up: a histogram of latencies by hour."""

import sqlalchemy as sa
from alembic import op

from gateway.log.schema.columns import TABLE_OPTIONS, UtcTime, code

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.create_table(
        "hourly_latency",
        sa.Column("starts_at", UtcTime, nullable=False),
        sa.Column("business_day", sa.Date, nullable=False),
        sa.Column("tenant", code(64), nullable=False),
        sa.Column("kind", code(16), nullable=False),
        sa.Column("route", code(48), nullable=False),
        sa.Column("cache", code(8), nullable=False),
        sa.Column("model_revision", code(64), nullable=False),
        sa.Column("up_to_ms", sa.Double, nullable=False),
        sa.Column("answers", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint(
            "starts_at",
            "tenant",
            "kind",
            "route",
            "cache",
            "model_revision",
            "up_to_ms",
            name="pk_hourly_latency",
        ),
        **TABLE_OPTIONS,
    )


def downgrade() -> None:
    op.drop_table("hourly_latency")
