"""Brings the roll-ups up to date. Every hour or day with new rows, however late they came, is
counted again and its old counts are replaced. Counting twice changes nothing."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Connection,
    Delete,
    Engine,
    Insert,
    Select,
    Table,
    bindparam,
    delete,
    insert,
    true,
)

from gateway.log.rollups import calendar, journeys, pending_spans
from gateway.log.rollups.business_time import DAY, HOUR, Span, Spans, days, hours
from gateway.log.rollups.calendar import Price
from gateway.log.rollups.countable import state, whole_since
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
from gateway.log.rollups.steps import fill_steps
from gateway.log.rollups.tables import (
    daily_first_questions,
    daily_funnel,
    daily_moderation,
    daily_photos,
    daily_products,
    daily_questions,
    daily_reach,
    daily_repeats,
    daily_retention,
    daily_topics,
    daily_unseen,
    hourly_latency,
    hourly_usage,
    rollup_state,
)
from gateway.log.schema.columns import MYSQL, utc_now

# Stored in `rollup_state` by the first round of a version that counts in another way than the one
# before: it counts all spans anew that have their rows. Not by a migration, since a worker of the
# version before may still run after that.
FORM = "form-3"
# Spans of each roll-up that are counted even if the time is over. The newest one gets new rows all
# the time, so one of the spans behind it must have its turn too.
MIN_SPANS = 2


class Replaced(NamedTuple):
    """A table, and the statements that replace its counts of one span."""

    table: Table
    old: Delete
    new: Insert


@dataclass(frozen=True)
class Rollup:
    name: str
    spans: Spans
    replaced: tuple[Replaced, ...]
    """The counts of one span, which is bound as `begin`, `end`, `day` and `hour`."""
    with_content: bool = True
    """Whether what retention clears is counted. Else rows without it do as well."""
    back: timedelta = timedelta(0)
    """Rows of so long before a span are counted for it, too."""
    later: tuple[int, ...] = ()
    """Days so many days after a span count its rows, too."""
    before: Callable[[Connection, dict[str, object]], None] | None = None
    """What is to be done for a span first, in transactions of its own."""


def _hourly(table: Table, query: Select[Any]) -> Replaced:
    return _replaced(table, table.c.starts_at == bindparam("begin"), query)


def _daily(table: Table, query: Select[Any] | CompoundSelect[Any]) -> Replaced:
    return _replaced(table, table.c.business_day == bindparam("day"), query)


def _replaced(
    table: Table, old: ColumnElement[bool], query: Select[Any] | CompoundSelect[Any]
) -> Replaced:
    names = [column.name for column in query.selected_columns]
    return Replaced(table, delete(table).where(old), insert(table).from_select(names, query))


HOURLY = Rollup(
    "hourly",
    hours,
    (_hourly(hourly_usage, usage()), _hourly(hourly_latency, latency())),
    with_content=False,
)
DAILY = Rollup(
    "daily",
    days,
    (
        _daily(daily_reach, reach()),
        _daily(daily_repeats, repeats()),
        _daily(daily_topics, topics()),
    ),
)
VISITS = Rollup(
    "visits",
    days,
    (
        _daily(daily_questions, questions()),
        _daily(daily_photos, photos()),
        _daily(daily_funnel, funnel()),
    ),
)
JOURNEYS = Rollup(
    "journeys",
    days,
    (
        _daily(daily_first_questions, journeys.first_questions()),
        _daily(daily_retention, journeys.returns()),
        _daily(daily_products, journeys.products()),
        _daily(daily_unseen, journeys.unseen()),
        _daily(daily_moderation, journeys.moderation()),
    ),
    # Who was here a week before, by clocks that may have changed meanwhile.
    back=7 * DAY + HOUR,
    later=tuple(journeys.RETURNS),
    before=fill_steps,
)
ALL_ROLLUPS = HOURLY, DAILY, VISITS, JOURNEYS
# These tables name single questions, photos and products. They are kept as long as the content of
# the rows.
DETAIL_TABLES = daily_questions, daily_photos, daily_products
ROLLUP_TABLES = tuple(each.table for rollup in ALL_ROLLUPS for each in rollup.replaced)


class Progress(NamedTuple):
    """How many hours and days were counted, and how many remain to be counted."""

    counted: int
    remaining: int


def roll_up(
    engine: Engine,
    zone: tzinfo,
    *which: Rollup,
    within_s: float = float("inf"),
    price: Price | None = None,
) -> Progress:
    """Count the pending spans of these roll-ups, or of all. A roll-up stops after `within_s`
    seconds, but not before MIN_SPANS. Spans that have lost rows or content are left as they were
    counted. `price`: what model time costs from today on."""
    counted = remaining = 0
    with read_committed(engine).connect() as connection:
        zone_changed = calendar.fill(connection, zone, price)
        if zone_changed:
            _delete_counts(connection, zone)
        if zone_changed or state(connection, FORM) is None:
            pending_spans.reset(connection, [FORM, *(rollup.name for rollup in ALL_ROLLUPS)])
            connection.execute(insert(rollup_state).values(name=FORM, seen_until=utc_now()))
        connection.commit()
        for rollup in which or ALL_ROLLUPS:
            changed = rollup.name, rollup.spans, zone, rollup.later
            pending_spans.add_changed(connection, *changed)
            if (since := _since(connection, rollup)) is not None:
                pending_spans.remove_before(connection, rollup.name, since)
            pending = pending_spans.newest_first(connection, rollup.name)
            connection.commit()
            stop_at = time.monotonic() + within_s
            for number, starts_at in enumerate(pending):
                if number >= MIN_SPANS and time.monotonic() >= stop_at:
                    remaining += len(pending) - number
                    break
                span = next(rollup.spans(starts_at, starts_at, zone))
                if rollup.before is not None:
                    rollup.before(connection, _bound(span))
                pending_spans.remove(connection, rollup.name, starts_at)
                _count(connection, rollup, span)
                connection.commit()
                counted += 1
    return Progress(counted, remaining)


def read_committed(engine: Engine) -> Engine:
    """An engine whose INSERT … SELECT locks neither the rows that it reads nor the gaps between
    them. Under REPEATABLE READ it would block inserts of new rows."""
    if engine.dialect.name not in MYSQL:
        return engine
    return engine.execution_options(isolation_level="READ COMMITTED")


def _since(connection: Connection, rollup: Rollup) -> datetime | None:
    return whole_since(connection, with_content=rollup.with_content, back=rollup.back)


def _delete_counts(connection: Connection, zone: tzinfo) -> None:
    """Delete the counts of the hours and days that will be counted anew, for another zone: those
    that are whole in it. What is older stays under the names of the old zone."""
    for rollup in ALL_ROLLUPS:
        since = _since(connection, rollup)
        for table, _, _ in rollup.replaced:
            outdated: ColumnElement[bool] = true()
            if since is not None:
                spans = rollup.spans(since, since + 2 * DAY, zone)
                first = next(span for span in spans if span.starts_at >= since)
                if "starts_at" in table.c:
                    # Also the one that reaches into the first, where zones differ by half an hour.
                    outdated = table.c.starts_at > first.starts_at - HOUR
                else:
                    outdated = table.c.business_day >= first.day
            connection.execute(delete(table).where(outdated))


def _count(connection: Connection, rollup: Rollup, span: Span) -> None:
    for each in rollup.replaced:
        connection.execute(each.old, _bound(span))
        connection.execute(each.new, _bound(span))


def _bound(span: Span) -> dict[str, object]:
    return {
        "begin": span.starts_at,
        "end": span.ends_at,
        "day": span.day,
        "hour": span.hour,
        "day_before": span.day - DAY,
        "week_before": span.day - 7 * DAY,
    }
