"""The calendar of business days."""

import sqlalchemy as sa
from alembic import op

from gateway.log.schema.columns import TABLE_OPTIONS, UtcTime

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.create_table(
        "business_days",
        sa.Column("business_day", sa.Date, nullable=False),
        sa.Column("starts_at", UtcTime, nullable=False),
        sa.Column("ends_at", UtcTime, nullable=False),
        sa.PrimaryKeyConstraint("business_day", name="pk_business_days"),
        **TABLE_OPTIONS,
    )


def downgrade() -> None:
    op.drop_table("business_days")
