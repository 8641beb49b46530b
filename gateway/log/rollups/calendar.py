"""Fills the table of business days, from the log's first day to well beyond today."""

from datetime import UTC, datetime, timedelta, tzinfo

from sqlalchemy import Connection, delete, func, insert, select

from gateway.log.rollups.business_time import day_span, days
from gateway.log.rollups.tables import business_days
from gateway.log.schema.tables import interactions

# So long the views go on working while nobody fills the calendar.
AHEAD = timedelta(days=400)


def fill(connection: Connection, zone: tzinfo) -> bool:
    """Add the missing days. Replace the days of another zone; returns whether there were any."""
    stored = {row.business_day: row.starts_at for row in connection.execute(select(business_days))}
    zone_changed = any(day_span(day, zone).starts_at != start for day, start in stored.items())
    if zone_changed:
        connection.execute(delete(business_days))
        stored = {}
    now = datetime.now(UTC)
    first = connection.scalar(select(func.min(interactions.c.asked_at))) or now
    missing = [
        {"business_day": span.day, "starts_at": span.starts_at, "ends_at": span.ends_at}
        for span in days(min(first, now), now + AHEAD, zone)
        if span.day not in stored
    ]
    if missing:
        connection.execute(insert(business_days), missing)
    return zone_changed
