"""Months of the log: on a server one partition each, made ahead and dropped whole; in a file the
same months are deleted row by row. By the interaction's id, which begins with its time."""

from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import Connection, Engine, delete, select, text

from gateway.log.schema.columns import MYSQL
from gateway.log.schema.tables import interactions

# So many months are ready beyond the present one: the worker may be away for that long.
MONTHS_AHEAD = 3
# Takes what no month does yet, so that an insert never fails for want of a partition.
REST = "p_rest"
DELETED_AT_A_TIME = 1_000
LOCK_WAIT_S = 2


def first_id_at(moment: datetime) -> UUID:
    """The lowest UUIDv7 of a moment: RFC 9562, milliseconds since 1970 in the first 48 bits."""
    return UUID(int=int(moment.timestamp() * 1000) << 80)


def month_of(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def next_month(month: datetime) -> datetime:
    return month.replace(year=month.year + month.month // 12, month=month.month % 12 + 1)


def months(first: datetime, last: datetime) -> Iterator[datetime]:
    """The beginning of each month from that of `first` to that of `last`."""
    month = month_of(first)
    while month <= last:
        yield month
        month = next_month(month)


def until(now: datetime) -> datetime:
    """The last month that should be there."""
    month = month_of(now)
    for _ in range(MONTHS_AHEAD):
        month = next_month(month)
    return month


def clauses(wanted: Iterator[datetime]) -> str:
    """`PARTITION p202611 VALUES LESS THAN (…), …` and the rest."""
    parts = [
        f"PARTITION {name_of(month)} VALUES LESS THAN (X'{first_id_at(next_month(month)).hex}')"
        for month in wanted
    ]
    return ", ".join([*parts, f"PARTITION {REST} VALUES LESS THAN (MAXVALUE)"])


def name_of(month: datetime) -> str:
    return f"p{month:%Y%m}"


def present(connection: Connection) -> list[datetime]:
    """The months that have a partition, in order; none where the table has none."""
    names = connection.scalars(
        text(
            "SELECT partition_name FROM information_schema.partitions WHERE table_schema ="
            " DATABASE() AND table_name = 'interactions' AND partition_name LIKE 'p2%'"
        )
    )
    return sorted(datetime.strptime(name, "p%Y%m").replace(tzinfo=UTC) for name in names)


def extend(engine: Engine, now: datetime) -> list[str]:
    """Make the months that are missing ahead; answers their names."""
    if engine.dialect.name not in MYSQL:
        return []
    with engine.connect() as connection:
        known = present(connection)
        if not known:
            return []
        missing = list(months(next_month(known[-1]), until(now)))
        if missing:
            # Rows that are in the rest move to their month; as a rule there are none.
            _alter(connection, f"REORGANIZE PARTITION {REST} INTO ({clauses(iter(missing))})")
        return [name_of(month) for month in missing]


def drop_before(engine: Engine, oldest: datetime) -> int:
    """Remove the months that end at or before `oldest`; answers how many partitions or rows."""
    if engine.dialect.name not in MYSQL:
        return _delete_before(engine, month_of(oldest))
    with engine.connect() as connection:
        old = [name_of(month) for month in present(connection) if next_month(month) <= oldest]
        if old:
            _alter(connection, f"DROP PARTITION {', '.join(old)}")
        return len(old)


def _alter(connection: Connection, change: str) -> None:
    # Behind a long transaction it gives up, instead of holding up every insert behind itself.
    connection.execute(text(f"SET SESSION lock_wait_timeout = {LOCK_WAIT_S}"))
    connection.execute(text(f"ALTER TABLE interactions {change}"))
    connection.execute(text("SET SESSION lock_wait_timeout = DEFAULT"))
    connection.commit()


def _delete_before(engine: Engine, month: datetime) -> int:
    key = interactions.c.interaction_id
    some = select(key).where(key < first_id_at(month)).limit(DELETED_AT_A_TIME)
    deleted = 0
    while True:  # a little at a time: a file has one writer
        with engine.begin() as connection:
            rows = connection.execute(delete(interactions).where(key.in_(some))).rowcount
        deleted += rows
        if rows < DELETED_AT_A_TIME:
            return deleted
