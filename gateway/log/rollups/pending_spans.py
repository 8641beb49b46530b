"""Which hours and days have to be counted: those in which rows have arrived, however late. The list
is stored in `rollup_due`, so that a round of counting may stop or be killed at any time."""

from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Connection,
    Select,
    delete,
    func,
    insert,
    select,
    union,
    update,
)

from gateway.log.rollups.business_time import DAY, HOUR, Spans, day_span
from gateway.log.rollups.tables import rollup_due, rollup_state
from gateway.log.schema.columns import MYSQL, utc_now
from gateway.log.schema.tables import interactions

# `arrived_at` is set at the insert, but the row is visible only after the commit. That is later by
# at most the forwarder's timeout (30 s per reply of the server) times a few statements.
OVERLAP = timedelta(minutes=3)

# A span that is stored already is no error. A look-up before the insert would not see what other
# transactions have not committed yet.
_INSERT = insert(rollup_due).prefix_with("OR IGNORE", dialect="sqlite")
for _dialect in MYSQL:
    _INSERT = _INSERT.prefix_with("IGNORE", dialect=_dialect)


def add_changed(
    connection: Connection, name: str, spans: Spans, zone: tzinfo, later: Collection[int] = ()
) -> None:
    """Add the spans in which rows have arrived since the last call; all spans at the first call.
    `name` is the roll-up's. `later`: days so many days after a changed one count its rows, too, and
    are added as far as they have begun."""
    now = connection.scalar(select(utc_now()))
    assert now is not None
    is_rollup = rollup_state.c.name == name
    seen = connection.scalar(select(rollup_state.c.seen_until).where(is_rollup))
    changed = {
        span
        for hour in _changed_hours(connection, seen)
        for span in spans(hour, hour + HOUR - timedelta(microseconds=1), zone)
    }
    follow = {day_span(span.day + number * DAY, zone) for span in changed for number in later}
    begun = {span.starts_at for span in follow if span.starts_at <= now}
    add(connection, name, begun | {span.starts_at for span in changed})
    updated = connection.execute(update(rollup_state).where(is_rollup).values(seen_until=now))
    if not updated.rowcount:
        connection.execute(insert(rollup_state).values(name=name, seen_until=now))


def any_between(
    connection: Connection, names: Collection[str], begin: datetime, end: datetime
) -> bool:
    """Whether these roll-ups have something of that time still to count: a span that is stored, or
    a row that has arrived since `add_changed`. Thumbs that have arrived since are no reason."""
    due, state, row = rollup_due.c, rollup_state.c, interactions.c
    stored = select(due.starts_at).where(due.name.in_(names))
    stored = stored.where(due.starts_at >= begin, due.starts_at < end)
    if connection.scalar(stored.limit(1)) is not None:
        return True
    seen = list(connection.scalars(select(state.seen_until).where(state.name.in_(names))))
    if len(seen) < len(names):
        asked = select(row.asked_at).where(row.asked_at >= begin, row.asked_at < end)
        return connection.scalar(asked.limit(1)) is not None
    hours = _hours(select(_hour(row.asked_at)).where(row.arrived_at >= min(seen)), connection)
    return any(begin < hour + HOUR and hour < end for hour in hours)


def add(connection: Connection, name: str, starts_at: Iterable[datetime]) -> None:
    """Add spans by their beginnings. If another transaction is counting a span, this waits until it
    has ended. Then the span is added, and will be counted again."""
    if rows := [{"name": name, "starts_at": moment} for moment in sorted(set(starts_at))]:
        connection.execute(_INSERT, rows)


def newest_first(connection: Connection, name: str) -> list[datetime]:
    """Beginnings of the spans to count. The newest come first, since dashboards show those."""
    query = select(rollup_due.c.starts_at).where(rollup_due.c.name == name)
    return list(connection.scalars(query.order_by(rollup_due.c.starts_at.desc())))


def remove(connection: Connection, name: str, starts_at: datetime) -> None:
    """To be called before the span is counted, in the same transaction: whoever adds the span
    meanwhile waits for that transaction."""
    is_span = rollup_due.c.name == name, rollup_due.c.starts_at == starts_at
    connection.execute(delete(rollup_due).where(*is_span))


def remove_before(connection: Connection, name: str, moment: datetime) -> None:
    """Do not count spans that begin before `moment`."""
    is_earlier = rollup_due.c.name == name, rollup_due.c.starts_at < moment
    connection.execute(delete(rollup_due).where(*is_earlier))


def reset(connection: Connection, names: Sequence[str]) -> None:
    """As if these roll-ups had never counted: the next `add_changed` adds all spans."""
    connection.execute(delete(rollup_due))
    connection.execute(delete(rollup_state).where(rollup_state.c.name.in_(names)))


def _changed_hours(connection: Connection, seen: datetime | None) -> list[datetime]:
    """Hours of UTC whose interactions have arrived since `seen`, by `asked_at`. Also the hours of
    the interactions that these follow up, since a vote counts with the answer that it is about."""
    own, parent = interactions, interactions.alias("about")
    follows = own.join(parent, parent.c.interaction_id == own.c.parent_interaction_id)
    hours = select(_hour(own.c.asked_at))
    parent_hours = select(_hour(parent.c.asked_at)).select_from(follows)
    if seen is not None:
        arrived = own.c.arrived_at >= seen - OVERLAP
        hours, parent_hours = hours.where(arrived), parent_hours.where(arrived)
        return _hours(union(hours, parent_hours), connection)
    return _hours(hours, connection)  # all hours, those of the parents among them


def _hour(asked_at: ColumnElement[datetime]) -> ColumnElement[str]:
    """As text, `2026-11-22 18`: no two dialects share a function that truncates a time."""
    return func.substr(asked_at, 1, 13, type_=interactions.c.kind.type)


def _hours(query: Select[Any] | CompoundSelect[Any], connection: Connection) -> list[datetime]:
    distinct = query.distinct() if isinstance(query, Select) else query
    texts = connection.scalars(distinct)
    return [datetime.strptime(hour, "%Y-%m-%d %H").replace(tzinfo=UTC) for hour in texts]
