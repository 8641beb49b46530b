"""Days and hours of a business's zone, in UTC."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from gateway.log.rollups.business_time import HOUR, day_span, days, hours

SHANGHAI = ZoneInfo("Asia/Shanghai")
BERLIN = ZoneInfo("Europe/Berlin")
KOLKATA = ZoneInfo("Asia/Kolkata")


def test_a_day_begins_at_the_zones_midnight() -> None:
    span = day_span(date(2026, 11, 22), SHANGHAI)
    assert span.starts_at == datetime(2026, 11, 21, 16, tzinfo=UTC)
    assert span.ends_at == datetime(2026, 11, 22, 16, tzinfo=UTC)


@pytest.mark.parametrize(("day", "length"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25)])
def test_a_day_on_which_clocks_change_has_an_hour_less_or_more(day: date, length: int) -> None:
    span = day_span(day, BERLIN)
    assert span.ends_at - span.starts_at == length * HOUR
    within = list(hours(span.starts_at, span.ends_at - timedelta(seconds=1), BERLIN))
    assert len(within) == length
    assert len({hour.starts_at for hour in within}) == length


@pytest.mark.parametrize("zone", [SHANGHAI, BERLIN, KOLKATA, ZoneInfo("Australia/Lord_Howe")])
def test_hours_follow_each_other_without_gap_over_a_year(zone: ZoneInfo) -> None:
    first = datetime(2026, 1, 1, 12, 34, tzinfo=UTC)
    last = first + timedelta(days=365)
    found = list(hours(first, last, zone))
    assert found[0].starts_at <= first < found[0].ends_at
    assert found[-1].starts_at <= last < found[-1].ends_at
    assert all(a.ends_at == b.starts_at for a, b in pairwise(found))
    assert all(span.starts_at.astimezone(zone).date() == span.day for span in found)


def test_an_hour_of_utc_touches_two_where_the_zone_is_half_an_hour_off() -> None:
    begin = datetime(2026, 11, 22, 10, tzinfo=UTC)
    found = list(hours(begin, begin + HOUR - timedelta(milliseconds=1), KOLKATA))
    assert [span.hour for span in found] == [15, 16]


def test_days_from_a_moment_to_itself_are_one() -> None:
    moment = datetime(2026, 11, 22, 16, tzinfo=UTC)
    assert [span.day for span in days(moment, moment, SHANGHAI)] == [date(2026, 11, 23)]
