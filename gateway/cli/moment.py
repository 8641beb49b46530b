"""A moment as it is typed in the terminal."""

from datetime import UTC, datetime


def moment(text: str) -> datetime:
    """ISO 8601; UTC where no zone is named."""
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
