"""Which hours and days are still to be counted, so that a round may end before all are."""

import sqlalchemy as sa
from alembic import op

from gateway.log.schema.columns import TABLE_OPTIONS, UtcTime, code

revision = "0026"
down_revision = "0024"


def upgrade() -> None:
    op.create_table(
        "rollup_due",
        sa.Column("name", code(16), primary_key=True),
        sa.Column("starts_at", UtcTime, primary_key=True),
        **TABLE_OPTIONS,
    )


def downgrade() -> None:
    op.drop_table("rollup_due")
