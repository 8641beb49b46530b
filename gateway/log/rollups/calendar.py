"""Fills the table of business days, from the log's first day to well beyond today: where each
begins, what it is called, and what model time cost on it."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, or_, select, update

from gateway.log.rollups.business_time import Span, day_span, days
from gateway.log.rollups.tables import business_days
from gateway.log.schema.tables import interactions

# So long the views go on working while nobody fills the calendar.
AHEAD = timedelta(days=400)
EPOCH = date(1970, 1, 1)

column = business_days.c


@dataclass(frozen=True)
class Price:
    """Of one second of a model. `currency`: three letters, ISO 4217."""

    model_second_cost: float
    currency: str


def fill(connection: Connection, zone: tzinfo, price: Price | None = None) -> bool:
    """Add the missing days. Replace the days of another zone; returns whether there were any. Days
    whose rows are gone stay among them: there are counts of them. A new price holds from today on,
    and for days before that have none. Days to come have none, since it may be another one."""
    stored = {row.business_day: row for row in connection.execute(select(business_days))}
    oldest = min(stored, default=date.max)
    zone_changed = any(
        day_span(day, zone).starts_at != row.starts_at for day, row in stored.items()
    )
    priced: list[dict[str, Any]] = []
    if zone_changed:
        prices = ("model_second_cost", "currency")
        priced = [
            {"day": day, **{name: getattr(row, name) for name in prices}}
            for day, row in stored.items()
        ]
        connection.execute(delete(business_days))
        stored = {}
    now = datetime.now(UTC)
    first = connection.scalar(select(func.min(interactions.c.asked_at))) or now
    first_day = min(oldest, min(first, now).astimezone(zone).date())
    spans = list(days(day_span(first_day, zone).starts_at, now + AHEAD, zone))
    if missing := [_row(span) for span in spans if span.day not in stored]:
        connection.execute(insert(business_days), missing)
    if priced:
        _update(connection, priced)
    if unnamed := [row.business_day for row in stored.values() if row.day_number is None]:
        _update(connection, [{"day": day, **_names(day)} for day in unnamed])
    today = now.astimezone(zone).date()
    _forget_prices_after(connection, today)
    if price is not None:
        _set_price(connection, price, today)
    return zone_changed


def _row(span: Span) -> dict[str, Any]:
    begin_and_end = {"starts_at": span.starts_at, "ends_at": span.ends_at}
    return {"business_day": span.day, **begin_and_end, **_names(span.day)}


def _names(day: date) -> dict[str, Any]:
    """ISO 8601: a week begins on Monday, day 1, and belongs to the year of its Thursday."""
    year, week, weekday = day.isocalendar()
    return {
        "day_number": (day - EPOCH).days,
        "month": f"{day:%Y-%m}",
        "week": f"{year}-W{week:02}",
        "weekday": weekday,
    }


def _update(connection: Connection, rows: list[dict[str, Any]]) -> None:
    names = [name for name in rows[0] if name != "day"]
    is_day = column.business_day == bindparam("day")
    values: dict[str, Any] = {name: bindparam(name) for name in names}
    connection.execute(update(business_days).where(is_day).values(values), rows)


def _forget_prices_after(connection: Connection, today: date) -> None:
    """Versions before wrote them 400 days ahead."""
    ahead = column.business_day > today, column.model_second_cost.is_not(None)
    none = {"model_second_cost": None, "currency": None}
    connection.execute(update(business_days).where(*ahead).values(none))


def _set_price(connection: Connection, price: Price, today: date) -> None:
    differs = or_(
        column.model_second_cost.is_(None),
        column.model_second_cost != price.model_second_cost,
        column.currency != price.currency,
    )
    which = or_(column.model_second_cost.is_(None), column.business_day == today)
    until_today = column.business_day <= today
    connection.execute(update(business_days).where(until_today, differs, which).values(vars(price)))
