"""Brings the roll-ups up to date: whichever hour or day has new rows, however late they came, is
counted anew and replaced. Doing it twice changes nothing."""

import time
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Delete,
    Engine,
    Insert,
    Select,
    Table,
    and_,
    bindparam,
    delete,
    func,
    insert,
    select,
    true,
)

from gateway.log.rollups import calendar
from gateway.log.rollups import due as rollup_due
from gateway.log.rollups.business_time import DAY, Span, Spans, days, hours
from gateway.log.rollups.queries import (
    funnel,
    latency,
    photos,
    questions,
    reach,
    repeats,
    topics,
    usage,
)
from gateway.log.rollups.retention import content_dropped_until
from gateway.log.rollups.tables import (
    business_days,
    daily_funnel,
    daily_photos,
    daily_questions,
    daily_reach,
    daily_repeats,
    daily_topics,
    hourly_latency,
    hourly_usage,
)
from gateway.log.schema.columns import MYSQL
from gateway.log.schema.tables import interactions

# Counted of each roll-up however short the time is: the newest hour or day, to which rows keep
# coming, and one of those that wait behind it.
LEAST = 2


@dataclass(frozen=True)
class Rollup:
    name: str
    spans: Spans
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
VISITS = Rollup(
    "visits",
    days,
    (
        *_daily(daily_questions, questions()),
        *_daily(daily_photos, photos()),
        *_daily(daily_funnel, funnel()),
    ),
)
ALL = HOURLY, DAILY, VISITS
# They name single questions and photos: kept as long as the rows are, and no longer.
DETAILS = daily_questions, daily_photos
# They count what rows hold when what was asked is gone.
BY_HOUR = hourly_usage, hourly_latency
TABLES = (
    *BY_HOUR,
    daily_reach,
    daily_repeats,
    daily_topics,
    daily_funnel,
    *DETAILS,
)


class Progress(NamedTuple):
    """Hours and days that were counted, and that are still to be."""

    counted: int
    left: int


def roll_up(
    engine: Engine,
    zone: tzinfo,
    *which: Rollup,
    since: datetime | None = None,
    within_s: float = float("inf"),
) -> Progress:
    """All of them, or these; of each no more than LEAST hours or days after its `within_s`. Of what
    lies before `since` rows may be gone: there a late one would replace the count of all."""
    counted = left = 0
    with counting(engine).connect() as connection:
        if calendar.fill(connection, zone):
            _forget(connection)
        connection.commit()
        for rollup in which or ALL:
            rollup_due.mark(connection, rollup.name, rollup.spans, zone)
            if since is not None:
                rollup_due.leave_out(connection, rollup.name, since)
            due = rollup_due.due(connection, rollup.name)
            connection.commit()
            ends = time.monotonic() + within_s
            for number, starts_at in enumerate(due):
                if number >= LEAST and time.monotonic() >= ends:
                    left += len(due) - number
                    break
                rollup_due.done(connection, rollup.name, starts_at)
                _count(connection, rollup, next(rollup.spans(starts_at, starts_at, zone)))
                connection.commit()
                counted += 1
    return Progress(counted, left)


def counting(engine: Engine) -> Engine:
    """One whose INSERT … SELECT locks neither the rows that it reads nor the gaps between them:
    under REPEATABLE READ it would hold up whoever inserts new ones."""
    if engine.dialect.name not in MYSQL:
        return engine
    return engine.execution_options(isolation_level="READ COMMITTED")


def drop_details(engine: Engine, before: date) -> None:
    """What names single questions and photos of earlier days; a day at a time, since they may be as
    many as rows."""
    for table in DETAILS:
        day = table.c.business_day
        with engine.connect() as connection:
            while (oldest := connection.scalar(select(func.min(day)))) and oldest < before:
                connection.execute(delete(table).where(day == oldest))
                connection.commit()


def count_details_anew(connection: Connection, which: ColumnElement[bool]) -> None:
    """Take what names the questions and photos of these interactions out of the counts of their
    days, and have those days counted once more: others may have asked the same. In the caller's
    transaction."""
    log, day = interactions.c, business_days.c
    of_day = and_(log.asked_at >= day.starts_at, log.asked_at < day.ends_at)
    # First, as whoever counts a day does: two that take locks in one order do not deadlock.
    starts = connection.scalars(select(day.starts_at).where(which, of_day).distinct())
    rollup_due.add(connection, VISITS.name, starts)
    for table, name in ((daily_questions, "question_hash"), (daily_photos, "image_digest")):
        named = select(log.tenant, log[name], day.business_day).where(which, of_day)
        for tenant, value, on in connection.execute(named.where(log[name].is_not(None)).distinct()):
            theirs = table.c.tenant == tenant, table.c[name] == value, table.c.business_day == on
            connection.execute(delete(table).where(*theirs))


def _forget(connection: Connection) -> None:
    """What can be counted anew, for another zone; roll-ups of what is gone stay."""
    first = connection.scalar(select(func.min(interactions.c.asked_at)))
    without_content = content_dropped_until(connection)
    for table in TABLES:
        day = table.c.business_day
        # A day more: the first one's was perhaps called by the day before.
        gone = true() if first is None else day >= (first - 2 * DAY).date()
        if without_content and table not in BY_HOUR:
            gone = and_(gone, day > without_content.date())
        connection.execute(delete(table).where(gone))
    rollup_due.forget(connection, [rollup.name for rollup in ALL])


def _count(connection: Connection, rollup: Rollup, span: Span) -> None:
    of = {"begin": span.starts_at, "end": span.ends_at, "day": span.day, "hour": span.hour}
    for statement in rollup.statements:
        connection.execute(statement, of)
