"""The table of business days: filled from the log's first day to well beyond today."""

from datetime import UTC, datetime, timedelta, tzinfo

from sqlalchemy import Connection, delete, func, insert, select

from gateway.log.rollups.business_time import day_span, days
from gateway.log.rollups.tables import business_days
from gateway.log.schema.tables import interactions

# The views go on for so long while nobody fills the calendar.
AHEAD = timedelta(days=400)


def fill(connection: Connection, zone: tzinfo) -> bool:
    """Add missing days; whether the days known so far were another zone's, and are replaced."""
    known = {row.business_day: row.starts_at for row in connection.execute(select(business_days))}
    moved = any(day_span(day, zone).starts_at != starts_at for day, starts_at in known.items())
    if moved:
        connection.execute(delete(business_days))
        known = {}
    now = datetime.now(UTC)
    first = connection.scalar(select(func.min(interactions.c.asked_at))) or now
    missing = [
        {"business_day": span.day, "starts_at": span.starts_at, "ends_at": span.ends_at}
        for span in days(min(first, now), now + AHEAD, zone)
        if span.day not in known
    ]
    if missing:
        connection.execute(insert(business_days), missing)
    return moved
