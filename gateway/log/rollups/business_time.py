"""Hours and days of the business's time zone as spans of UTC; also where clocks change. Pure."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Span:
    """From `starts_at` up to, without, `ends_at`; `day` and `hour` are the zone's."""

    starts_at: datetime
    ends_at: datetime
    day: date
    hour: int = 0


# `days` or `hours`.
Spans = Callable[[datetime, datetime, tzinfo], Iterator[Span]]


def day_span(day: date, zone: tzinfo) -> Span:
    """23 or 25 hours where clocks change."""

    def midnight(of: date) -> datetime:
        return datetime(of.year, of.month, of.day, tzinfo=zone).astimezone(UTC)

    return Span(midnight(day), midnight(day + DAY), day)


def days(first: datetime, last: datetime, zone: tzinfo) -> Iterator[Span]:
    """The days that hold the moments from `first` to `last`."""
    day = first.astimezone(zone).date()
    while day <= last.astimezone(zone).date():
        yield day_span(day, zone)
        day += DAY


def hours(first: datetime, last: datetime, zone: tzinfo) -> Iterator[Span]:
    """The hours that hold the moments from `first` to `last`, counted from each day's beginning."""
    for day in days(first, last, zone):
        begin = day.starts_at
        while begin < day.ends_at:
            end = min(begin + HOUR, day.ends_at)
            if end > first and begin <= last:
                yield Span(begin, end, day.day, begin.astimezone(zone).hour)
            begin = end
