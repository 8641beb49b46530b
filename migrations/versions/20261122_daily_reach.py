"""Roll-up: how many different users, sessions, photos and questions a day."""

import sqlalchemy as sa
from alembic import op

from gateway.log.columns import TABLE_OPTIONS, code

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.create_table(
        "daily_reach",
        sa.Column("business_day", sa.Date, nullable=False),
        sa.Column("tenant", code(64), nullable=False),
        sa.Column("users", sa.BigInteger, nullable=False),
        sa.Column("sessions", sa.BigInteger, nullable=False),
        sa.Column("photos", sa.BigInteger, nullable=False),
        sa.Column("questions", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("business_day", "tenant", name="pk_daily_reach"),
        **TABLE_OPTIONS,
    )


def downgrade() -> None:
    op.drop_table("daily_reach")
