"""The table of what accounts have used by day. Gateways add to it, and read what others have."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection, Engine, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from gateway.log.schema.access_tables import daily_use

# Names in one statement.
CHUNK = 500
column = daily_use.c


@dataclass(frozen=True)
class Used:
    tokens: int
    bytes: int


def report(engine: Engine, day: date, used: Mapping[str, Used]) -> dict[str, Used]:
    """Add what accounts have used. Returns the day's totals, 0 for who has used nothing. Raises
    SQLAlchemyError: then nothing was added."""
    names = sorted(used)  # in one order: gateways that add at the same time do not block each other
    with engine.begin() as connection:
        for name in names:
            if used[name].tokens or used[name].bytes:
                _add(connection, day, name, used[name])
        totals = {name: Used(0, 0) for name in names}
        for start in range(0, len(names), CHUNK):
            totals.update(_totals(connection, day, names[start : start + CHUNK]))
    return totals


def drop_days_before(engine: Engine, day: date) -> None:
    with engine.begin() as connection:
        connection.execute(delete(daily_use).where(column.day < day))


def read_day(engine: Engine, day: date, names: Sequence[str]) -> dict[str, Used]:
    with engine.connect() as connection:
        return _totals(connection, day, names)


def _add(connection: Connection, day: date, name: str, used: Used) -> None:
    added = {"tokens": column.tokens + used.tokens, "bytes": column.bytes + used.bytes}
    change = update(daily_use).where(column.day == day, column.account == name).values(added)
    if connection.execute(change).rowcount:
        return
    row = {"day": day, "account": name, "tokens": used.tokens, "bytes": used.bytes}
    try:
        with connection.begin_nested():
            connection.execute(insert(daily_use), row)
    except IntegrityError:  # another gateway was faster
        connection.execute(change)


def _totals(connection: Connection, day: date, names: Sequence[str]) -> dict[str, Used]:
    query = select(daily_use).where(column.day == day, column.account.in_(names))
    return {row.account: Used(row.tokens, row.bytes) for row in connection.execute(query)}
