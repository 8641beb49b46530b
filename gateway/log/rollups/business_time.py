"""Hours and days of the business's time zone as spans of UTC, changes of clocks included. Pure."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Span:
    """From `starts_at` to `ends_at`, without the latter, in UTC. `day` and `hour` are those of the
    business's zone."""

    starts_at: datetime
    ends_at: datetime
    day: date
    hour: int = 0


# `days` or `hours`.
Spans = Callable[[datetime, datetime, tzinfo], Iterator[Span]]


def day_span(day: date, zone: tzinfo) -> Span:
    """A business day. It has 23 or 25 hours if clocks change on it."""

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
    """The hours that hold the moments from `first` to `last`, counted from midnight."""
    for day in days(first, last, zone):
        starts_at = day.starts_at
        while starts_at < day.ends_at:
            ends_at = min(starts_at + HOUR, day.ends_at)
            if ends_at > first and starts_at <= last:
                yield Span(starts_at, ends_at, day.day, starts_at.astimezone(zone).hour)
            starts_at = ends_at
