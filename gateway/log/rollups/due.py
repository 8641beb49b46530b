"""Which hours and days are to be counted: those in which rows have arrived, however late. They are
remembered until it is done, so that a round may end before it is through, whichever way."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta, tzinfo

from sqlalchemy import Connection, delete, func, insert, select, union, update

from gateway.log.rollups.business_time import HOUR, Spans
from gateway.log.rollups.tables import rollup_due, rollup_state
from gateway.log.schema.columns import MYSQL, utc_now
from gateway.log.schema.tables import interactions

# A row's arrival is stamped when it is inserted, it is seen when that is committed: at most the
# forwarder's patience (30 s for an answer) later, a few statements a transaction.
OVERLAP = timedelta(minutes=3)

# What is there already is no error: to look first would not see what others have not committed.
_ADD = insert(rollup_due).prefix_with("OR IGNORE", dialect="sqlite")
for _dialect in MYSQL:
    _ADD = _ADD.prefix_with("IGNORE", dialect=_dialect)


def mark(connection: Connection, name: str, spans: Spans, zone: tzinfo) -> None:
    """Note the spans in which rows have arrived since the last time; all at the first."""
    now = connection.scalar(select(utc_now()))
    assert now is not None
    mine = rollup_state.c.name == name
    seen = connection.scalar(select(rollup_state.c.seen_until).where(mine))
    touched = {
        span.starts_at
        for hour in _hours(connection, seen)
        for span in spans(hour, hour + HOUR - timedelta(microseconds=1), zone)
    }
    add(connection, name, touched)
    if not connection.execute(update(rollup_state).where(mine).values(seen_until=now)).rowcount:
        connection.execute(insert(rollup_state).values(name=name, seen_until=now))


def add(connection: Connection, name: str, starts_at: Iterable[datetime]) -> None:
    """Note spans by their beginnings. Others may be noting the same, or just counting it: then it
    is noted once they are through, and counted again."""
    if rows := [{"name": name, "starts_at": moment} for moment in sorted(set(starts_at))]:
        connection.execute(_ADD, rows)


def due(connection: Connection, name: str) -> list[datetime]:
    """Beginnings of the spans to count, the newest first: it is what dashboards show."""
    mine = select(rollup_due.c.starts_at).where(rollup_due.c.name == name)
    return list(connection.scalars(mine.order_by(rollup_due.c.starts_at.desc())))


def done(connection: Connection, name: str, starts_at: datetime) -> None:
    """Before it is counted, in the same transaction: whoever notes it meanwhile waits for that."""
    mine = rollup_due.c.name == name, rollup_due.c.starts_at == starts_at
    connection.execute(delete(rollup_due).where(*mine))


def leave_out(connection: Connection, name: str, before: datetime) -> None:
    """What begins earlier is not to be counted."""
    mine = rollup_due.c.name == name, rollup_due.c.starts_at < before
    connection.execute(delete(rollup_due).where(*mine))


def forget(connection: Connection, names: Sequence[str]) -> None:
    """As if these had never seen anything."""
    connection.execute(delete(rollup_due))
    connection.execute(delete(rollup_state).where(rollup_state.c.name.in_(names)))


def _hours(connection: Connection, seen: datetime | None) -> list[datetime]:
    """Hours of UTC in which rows were asked that have arrived since; and those of the interactions
    that they follow up, since a thumb counts with what it is about."""
    log, about = interactions, interactions.alias("about")
    follows = log.join(about, about.c.interaction_id == log.c.parent_interaction_id)
    # The hour as text, `2026-11-22 18`: no two dialects share a function that cuts a time.
    text = log.c.kind.type
    own = select(func.substr(log.c.asked_at, 1, 13, type_=text))
    parents = select(func.substr(about.c.asked_at, 1, 13, type_=text)).select_from(follows)
    if seen is not None:
        arrived = log.c.arrived_at >= seen - OVERLAP
        own, parents = own.where(arrived), parents.where(arrived)
        found = connection.scalars(union(own, parents))
    else:  # every parent is among them
        found = connection.scalars(own.distinct())
    return [datetime.strptime(hour, "%Y-%m-%d %H").replace(tzinfo=UTC) for hour in found]
