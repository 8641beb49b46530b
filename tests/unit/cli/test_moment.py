"""Days and durations that were typed."""

from argparse import ArgumentTypeError
from datetime import UTC, date, datetime, timedelta

import pytest

from gateway.cli.moment import day, duration, expiry, moment


def test_what_can_be_reckoned_with_is_taken() -> None:
    assert duration("12h") == timedelta(hours=12)
    assert day("2026-11-04") == date(2026, 11, 4)
    assert moment("2026-11-04T08:00+08:00") == datetime(2026, 11, 4, tzinfo=UTC)
    assert expiry("90d") - datetime.now(UTC) > timedelta(days=89)


@pytest.mark.parametrize("text", ["99999999999d", "3000000d", "infd", "nanh", "-5m", "5", "d", ""])
def test_a_duration_with_which_no_moment_can_be_reckoned_is_refused(text: str) -> None:
    for parse in (duration, expiry):
        with pytest.raises((ValueError, ArgumentTypeError)):
            parse(text)


@pytest.mark.parametrize("text", ["9999-12-31", "0001-01-01", "tomorrow"])
def test_a_day_without_a_week_around_it_is_refused(text: str) -> None:
    with pytest.raises((ValueError, ArgumentTypeError)):
        day(text)


@pytest.mark.parametrize("text", ["9999-12-31T23:59-12:00", "0001-01-01T00:00+14:00"])
def test_a_moment_that_utc_does_not_have_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\d"):
        moment(text)


@pytest.mark.parametrize("text", ["2020-01-01", "0d"])
def test_a_key_that_has_ended_already_is_not_made(text: str) -> None:
    with pytest.raises(ArgumentTypeError, match="is over"):
        expiry(text)
