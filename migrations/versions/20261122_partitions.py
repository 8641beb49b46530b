"""One partition a month, on servers. The whole table is written anew: plan for it if it is big."""

from datetime import UTC, datetime

from alembic import op
from sqlalchemy import text

from gateway.log.schema.columns import MYSQL
from gateway.log.schema.partitions import last_month_ahead, months, partition_clauses

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    connection = op.get_bind()
    if connection.dialect.name not in MYSQL:
        return
    now = datetime.now(UTC)
    oldest = connection.execute(text("SELECT MIN(asked_at) FROM interactions")).scalar()
    first = min(oldest.replace(tzinfo=UTC), now) if oldest else now
    partitions = partition_clauses(months(first, last_month_ahead(now)))
    op.execute(
        f"ALTER TABLE interactions PARTITION BY RANGE COLUMNS (interaction_id) ({partitions})"
    )


def downgrade() -> None:
    if op.get_bind().dialect.name in MYSQL:
        op.execute("ALTER TABLE interactions REMOVE PARTITIONING")
