"""Parses moments and durations that were typed in the terminal. argparse shows what ValueError says
by the names of these functions, and what ArgumentTypeError says as it is."""

from argparse import ArgumentTypeError
from datetime import UTC, date, datetime, timedelta

_MINUTES = {"m": 1, "h": 60, "d": 1440}
# What is added to a moment of today is still a moment of Python, and of a database.
MAX_DAYS = 36_500
# Weeks and months around these days are days of Python, too.
FIRST_DAY, LAST_DAY = date(1970, 1, 1), date(9000, 1, 1)


def moment(text: str) -> datetime:
    """ISO 8601; UTC if no zone is named. Raises ValueError."""
    parsed = datetime.fromisoformat(text)
    parsed = parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
    try:
        parsed.astimezone(UTC)
    except OverflowError:
        raise ValueError(text) from None
    return parsed


def day(text: str) -> date:
    """As 2026-11-04. Raises ValueError, ArgumentTypeError."""
    parsed = date.fromisoformat(text)
    if not FIRST_DAY <= parsed <= LAST_DAY:
        raise ArgumentTypeError(f"{text} is not between {FIRST_DAY} and {LAST_DAY}")
    return parsed


def duration(text: str) -> timedelta:
    """`30m`, `12h` or `90d`. Raises ValueError, ArgumentTypeError."""
    if text[-1:] not in _MINUTES:
        raise ValueError(text)
    minutes = float(text[:-1]) * _MINUTES[text[-1:]]
    if not 0 <= minutes <= MAX_DAYS * _MINUTES["d"]:
        raise ArgumentTypeError(f"{text} is not between 0 and {MAX_DAYS}d")
    return timedelta(minutes=minutes)


def expiry(text: str) -> datetime:
    """A moment that is to come, or a duration from now on. Raises ValueError, ArgumentTypeError."""
    now = datetime.now(UTC)
    try:
        ends_at = now + duration(text)
    except ValueError:
        ends_at = moment(text)
    if ends_at <= now:
        raise ArgumentTypeError(f"{text} is over")
    return ends_at
