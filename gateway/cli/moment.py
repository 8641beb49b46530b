"""Parses a moment that was typed in the terminal."""

from datetime import UTC, datetime


def moment(text: str) -> datetime:
    """ISO 8601; UTC if no zone is named. Raises ValueError. argparse shows this function's name."""
    parsed = datetime.fromisoformat(text)
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
