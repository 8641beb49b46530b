"""The log by months. A server has one partition per month, created ahead and dropped whole. SQLite
has no partitions: its rows are deleted. The month comes from the interaction's id, a UUIDv7."""

from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import Connection, Engine, delete, select, text

from gateway.log.schema.columns import MYSQL
from gateway.log.schema.tables import interactions

# Months with a partition beyond the current one: the worker may be down for that long.
MONTHS_AHEAD = 3
# The partition for ids beyond the last month, so that an insert never fails.
CATCH_ALL = "p_rest"
DELETED_AT_A_TIME = 1_000
LOCK_WAIT_S = 2


def first_id_at(moment: datetime) -> UUID:
    """The lowest UUIDv7 of a moment. RFC 9562: the first 48 bits are milliseconds since 1970."""
    return UUID(int=int(moment.timestamp() * 1000) << 80)


def moment_of(key: UUID) -> datetime:
    """When this UUIDv7 was made."""
    return datetime.fromtimestamp((key.int >> 80) / 1000, UTC)


def month_of(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def next_month(month: datetime) -> datetime:
    return month.replace(year=month.year + month.month // 12, month=month.month % 12 + 1)


def months(first: datetime, last: datetime) -> Iterator[datetime]:
    """The beginning of each month, from the month of `first` to that of `last`."""
    month = month_of(first)
    while month <= last:
        yield month
        month = next_month(month)


def last_month_ahead(now: datetime) -> datetime:
    """The last month that needs a partition now."""
    month = month_of(now)
    for _ in range(MONTHS_AHEAD):
        month = next_month(month)
    return month


def partition_clauses(wanted: Iterator[datetime]) -> str:
    """`PARTITION p202611 VALUES LESS THAN (…), …` for these months, then CATCH_ALL."""
    ends = [(partition_name(month), first_id_at(next_month(month)).hex) for month in wanted]
    clauses = [f"PARTITION {name} VALUES LESS THAN (X'{end}')" for name, end in ends]
    return ", ".join([*clauses, f"PARTITION {CATCH_ALL} VALUES LESS THAN (MAXVALUE)"])


def partition_name(month: datetime) -> str:
    return f"p{month:%Y%m}"


def existing_months(connection: Connection) -> list[datetime]:
    """The months that have a partition, in order. Empty if the table is not partitioned."""
    names = connection.scalars(
        text(
            "SELECT partition_name FROM information_schema.partitions WHERE table_schema ="
            " DATABASE() AND table_name = 'interactions' AND partition_name LIKE 'p2%'"
        )
    )
    return sorted(datetime.strptime(name, "p%Y%m").replace(tzinfo=UTC) for name in names)


def add_months_ahead(engine: Engine, now: datetime) -> list[str]:
    """Create the missing partitions up to MONTHS_AHEAD. Returns their names."""
    if engine.dialect.name not in MYSQL:
        return []
    with engine.connect() as connection:
        existing = existing_months(connection)
        if not existing:
            return []
        missing = list(months(next_month(existing[-1]), last_month_ahead(now)))
        if missing:
            # Rows in CATCH_ALL, usually none, move to the partition of their month.
            partitions = partition_clauses(iter(missing))
            change = f"REORGANIZE PARTITION {CATCH_ALL} INTO ({partitions})"
            _alter_interactions(connection, change)
        return [partition_name(month) for month in missing]


def drop_months_before(engine: Engine, oldest: datetime) -> int:
    """Remove the months that end at or before `oldest`. Returns how many partitions (on a server)
    or rows (SQLite) that were."""
    if engine.dialect.name not in MYSQL:
        return _delete_before(engine, month_of(oldest))
    with engine.connect() as connection:
        old = [
            partition_name(month)
            for month in existing_months(connection)
            if next_month(month) <= oldest
        ]
        if old:
            _alter_interactions(connection, f"DROP PARTITION {', '.join(old)}")
        return len(old)


def _alter_interactions(connection: Connection, change: str) -> None:
    # The statement gives up behind a long transaction. While it waited, every insert would wait
    # behind it.
    connection.execute(text(f"SET SESSION lock_wait_timeout = {LOCK_WAIT_S}"))
    connection.execute(text(f"ALTER TABLE interactions {change}"))
    connection.execute(text("SET SESSION lock_wait_timeout = DEFAULT"))
    connection.commit()


def _delete_before(engine: Engine, month: datetime) -> int:
    key = interactions.c.interaction_id
    batch = select(key).where(key < first_id_at(month)).limit(DELETED_AT_A_TIME)
    deleted = 0
    while True:  # in batches: SQLite has one writer at a time
        with engine.begin() as connection:
            rows = connection.execute(delete(interactions).where(key.in_(batch))).rowcount
        deleted += rows
        if rows < DELETED_AT_A_TIME:
            return deleted
