"""Parses moments and durations that were typed in the terminal."""

from datetime import UTC, datetime, timedelta

_MINUTES = {"m": 1, "h": 60, "d": 1440}


def moment(text: str) -> datetime:
    """ISO 8601; UTC if no zone is named. Raises ValueError. argparse shows this function's name."""
    parsed = datetime.fromisoformat(text)
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def duration(text: str) -> timedelta:
    """`30m`, `12h` or `90d`. Raises ValueError."""
    if text[-1:] not in _MINUTES:
        raise ValueError(text)
    return timedelta(minutes=float(text[:-1]) * _MINUTES[text[-1:]])


def expiry(text: str) -> datetime:
    """A moment, or a duration from now on. Raises ValueError."""
    try:
        return datetime.now(UTC) + duration(text)
    except (ValueError, OverflowError):
        return moment(text)
