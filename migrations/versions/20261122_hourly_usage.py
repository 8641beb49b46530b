"""Roll-up: counts, times and tokens by hour."""

import sqlalchemy as sa
from alembic import op

from gateway.log.schema.columns import TABLE_OPTIONS, UtcTime, code

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.create_table(
        "hourly_usage",
        sa.Column("starts_at", UtcTime, nullable=False),
        sa.Column("business_day", sa.Date, nullable=False),
        sa.Column("business_hour", sa.Integer, nullable=False),
        sa.Column("tenant", code(64), nullable=False),
        sa.Column("kind", code(16), nullable=False),
        sa.Column("route", code(48), nullable=False),
        sa.Column("outcome", code(16), nullable=False),
        sa.Column("error_code", code(32), nullable=False),
        sa.Column("cache", code(8), nullable=False),
        sa.Column("model_revision", code(64), nullable=False),
        sa.Column("requests", sa.BigInteger, nullable=False),
        sa.Column("total_ms", sa.Double, nullable=False),
        sa.Column("model_ms", sa.Double, nullable=False),
        sa.Column("prompt_tokens", sa.BigInteger, nullable=False),
        sa.Column("completion_tokens", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint(
            "starts_at",
            "tenant",
            "kind",
            "route",
            "outcome",
            "error_code",
            "cache",
            "model_revision",
            name="pk_hourly_usage",
        ),
        **TABLE_OPTIONS,
    )


def downgrade() -> None:
    op.drop_table("hourly_usage")
