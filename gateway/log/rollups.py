"""Brings the roll-ups up to date: whichever hour or day has new rows, however late they came, is
counted anew and replaced. Doing it twice changes nothing."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Delete,
    Engine,
    Insert,
    Select,
    Table,
    bindparam,
    delete,
    func,
    insert,
    select,
    true,
    update,
)

from gateway.log import calendar
from gateway.log.business_time import DAY, HOUR, Span, days, hours
from gateway.log.columns import MYSQL, utc_now
from gateway.log.rollup_queries import latency, reach, repeats, topics, usage
from gateway.log.rollup_tables import (
    daily_reach,
    daily_repeats,
    daily_topics,
    hourly_latency,
    hourly_usage,
    rollup_state,
)
from gateway.log.tables import interactions

# A row's arrival is stamped when it is inserted, it is seen when that is committed: at most the
# forwarder's patience (30 s for an answer) later, a few statements a transaction.
OVERLAP = timedelta(minutes=3)


@dataclass(frozen=True)
class Rollup:
    name: str
    spans: Callable[[datetime, datetime, tzinfo], Iterator[Span]]
    statements: tuple[Delete | Insert, ...]
    """Of one span, whose `begin`, `end`, `day` and `hour` they name."""


def _hourly(table: Table, query: Select[Any]) -> tuple[Delete | Insert, ...]:
    return _replace(table, table.c.starts_at == bindparam("begin"), query)


def _daily(table: Table, query: Select[Any]) -> tuple[Delete | Insert, ...]:
    return _replace(table, table.c.business_day == bindparam("day"), query)


def _replace(
    table: Table, old: ColumnElement[bool], query: Select[Any]
) -> tuple[Delete | Insert, ...]:
    names = [column.name for column in query.selected_columns]
    return delete(table).where(old), insert(table).from_select(names, query)


HOURLY = Rollup(
    "hourly", hours, (*_hourly(hourly_usage, usage()), *_hourly(hourly_latency, latency()))
)
DAILY = Rollup(
    "daily",
    days,
    (
        *_daily(daily_reach, reach()),
        *_daily(daily_repeats, repeats()),
        *_daily(daily_topics, topics()),
    ),
)
TABLES = (hourly_usage, hourly_latency, daily_reach, daily_repeats, daily_topics)


def roll_up(engine: Engine, zone: tzinfo, *which: Rollup, since: datetime | None = None) -> int:
    """All of them, or these; answers how many hours and days were counted. Of what lies before
    `since` rows may be gone: there a late one would replace the count of all."""
    counted = 0
    with counting(engine).connect() as connection:
        if calendar.fill(connection, zone):
            _forget(connection)
        connection.commit()
        for rollup in which or (HOURLY, DAILY):
            now = connection.scalar(select(utc_now()))
            assert now is not None
            spans = _touched(connection, rollup, zone)
            if since is not None:
                spans = [span for span in spans if span.starts_at >= since]
            connection.commit()
            for span in spans:
                _count(connection, rollup, span)
                connection.commit()
            _seen(connection, rollup, now)
            connection.commit()
            counted += len(spans)
    return counted


def counting(engine: Engine) -> Engine:
    """One whose INSERT … SELECT locks neither the rows that it reads nor the gaps between them:
    under REPEATABLE READ it would hold up whoever inserts new ones."""
    if engine.dialect.name not in MYSQL:
        return engine
    return engine.execution_options(isolation_level="READ COMMITTED")


def _forget(connection: Connection) -> None:
    """What can be counted anew, for another zone; roll-ups of months that are gone stay."""
    first = connection.scalar(select(func.min(interactions.c.asked_at)))
    for table in TABLES:
        day = table.c.business_day
        # A day more: the first one's was perhaps called by the day before.
        gone = true() if first is None else day >= (first - 2 * DAY).date()
        connection.execute(delete(table).where(gone))
    connection.execute(delete(rollup_state))


def _touched(connection: Connection, rollup: Rollup, zone: tzinfo) -> list[Span]:
    """The spans in which rows have arrived since the last time; all at the first."""
    last = select(rollup_state.c.seen_until).where(rollup_state.c.name == rollup.name)
    seen = connection.scalar(last)
    # The hour as text, `2026-11-22 18`: no two dialects share a function that cuts a time.
    hour = func.substr(interactions.c.asked_at, 1, 13, type_=interactions.c.kind.type)
    query = select(hour).distinct()
    if seen is not None:
        query = query.where(interactions.c.arrived_at >= seen - OVERLAP)
    found: dict[datetime, Span] = {}
    for text in connection.scalars(query):
        begin = datetime.strptime(text, "%Y-%m-%d %H").replace(tzinfo=UTC)
        for span in rollup.spans(begin, begin + HOUR - timedelta(microseconds=1), zone):
            found[span.starts_at] = span
    return [found[begin] for begin in sorted(found)]


def _count(connection: Connection, rollup: Rollup, span: Span) -> None:
    of = {"begin": span.starts_at, "end": span.ends_at, "day": span.day, "hour": span.hour}
    for statement in rollup.statements:
        connection.execute(statement, of)


def _seen(connection: Connection, rollup: Rollup, now: datetime) -> None:
    mine = rollup_state.c.name == rollup.name
    if not connection.execute(update(rollup_state).where(mine).values(seen_until=now)).rowcount:
        connection.execute(insert(rollup_state).values(name=rollup.name, seen_until=now))
