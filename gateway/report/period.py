"""Which days a report is about: a day, a week from Monday on, or a month. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal, get_args

Kind = Literal["day", "week", "month"]
KINDS: tuple[Kind, ...] = get_args(Kind)
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Period:
    kind: Kind
    first: date
    last: date

    @property
    def name(self) -> str:
        """`2026-11-08`, `2026-W45` or `2026-11`; sorts by time within its kind."""
        if self.kind == "day":
            return self.first.isoformat()
        if self.kind == "month":
            return f"{self.first:%Y-%m}"
        year, week, _ = self.first.isocalendar()
        return f"{year}-W{week:02}"

    @property
    def before(self) -> "Period":
        return period_of(self.kind, self.first - DAY)

    def days(self) -> Iterator[date]:
        day = self.first
        while day <= self.last:
            yield day
            day += DAY


def period_of(kind: Kind, day: date) -> Period:
    """The one that the day lies in."""
    if kind == "day":
        return Period(kind, day, day)
    if kind == "week":
        first = day - (day.isoweekday() - 1) * DAY
        return Period(kind, first, first + 6 * DAY)
    first = day.replace(day=1)
    return Period(kind, first, (first + 31 * DAY).replace(day=1) - DAY)


def last_whole(kind: Kind, today: date) -> Period:
    """The last one that is over."""
    return period_of(kind, period_of(kind, today).first - DAY)
