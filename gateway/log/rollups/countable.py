"""From which moment on hours and days may be counted, again or for another zone. What is older has
lost its content or its rows: it stays as it was counted. The moments are in the database, so that
whoever counts knows them, whatever the settings say now."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, Engine, func, insert, select, update

from gateway.log.rollups.business_time import HOUR
from gateway.log.rollups.tables import hourly_usage, rollup_state
from gateway.log.schema.partitions import month_of
from gateway.log.schema.tables import interactions

EPOCH = datetime.fromtimestamp(0, UTC)
# Names in `rollup_state`. Content is gone from rows that were asked before the first. It is being
# dropped from those before the second, which is stored first: a round that was killed half-way
# leaves days with the content of some of their rows. Months before the third are dropped.
ASKED, DROPPING, MONTHS = "content-asked", "content-dropping", "months-dropped"


def whole_since(connection: Connection, *, with_content: bool, back: timedelta) -> datetime | None:
    """Spans that begin before this moment must not be counted: it would replace a count of all
    their rows by one of those that are left. None if nothing was ever dropped. `with_content`:
    content is counted, too. `back`: rows of so long before are counted, too."""
    limits = []
    if (rows := _rows_since(connection)) is not None:
        limits.append(rows + back)
    if with_content:
        limits += [moment for name in (ASKED, DROPPING) if (moment := state(connection, name))]
    return max((moment for moment in limits if moment > EPOCH), default=None)


def _rows_since(connection: Connection) -> datetime | None:
    if dropped := state(connection, MONTHS):
        return dropped
    # Dropped by a version that did not store it: there are counts from before the first row.
    first = connection.scalar(select(func.min(interactions.c.asked_at)))
    counted = connection.scalar(select(func.min(hourly_usage.c.starts_at)))
    if counted is None or (first is not None and first - HOUR < counted):
        return None
    return datetime.now(UTC) if first is None else month_of(first)


def state(connection: Connection, name: str) -> datetime | None:
    query = select(rollup_state.c.seen_until).where(rollup_state.c.name == name)
    return connection.scalar(query)


def move_forward(engine: Engine, name: str, until: datetime) -> None:
    """Store the moment. A stored one that is later stays: a longer retention brings nothing
    back."""
    is_state = rollup_state.c.name == name
    with engine.begin() as connection:
        stored = connection.scalar(select(rollup_state.c.seen_until).where(is_state))
        if stored is None:
            connection.execute(insert(rollup_state).values(name=name, seen_until=until))
        elif stored < until:
            connection.execute(update(rollup_state).where(is_state).values(seen_until=until))
