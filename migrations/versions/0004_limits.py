"""Limits that ops set, and what was used of the daily ones."""

from alembic import op
from sqlalchemy import Column

from migrations.columns import DAY, INTEGER, NUMBER, code, counts
from migrations.statements import create

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    create(
        "limits",
        Column("kind", code(8), primary_key=True),
        Column("subject", code(64), primary_key=True),
        Column("name", code(32), primary_key=True),
        Column("value", NUMBER),
        Column("changes", INTEGER, nullable=False),
    )
    create(
        "daily_use",
        Column("day", DAY, primary_key=True),
        Column("account", code(80), primary_key=True),
        *counts("tokens", "bytes"),
    )


def downgrade() -> None:
    op.drop_table("daily_use")
    op.drop_table("limits")
