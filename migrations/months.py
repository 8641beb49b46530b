"""Partitions of a table by month of its UUIDv7 key, which begins with its time: RFC 9562,
milliseconds since 1970 in the first 48 bits."""

from datetime import UTC, datetime


def by_month(key: str, *, ahead: int) -> str:
    """The clause of a new table: the month in which it is made, with all that is older, `ahead`
    more, and a rest, so that an insert never fails for want of a partition."""
    month = datetime.now(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    parts = []
    for _ in range(ahead + 1):
        following = _after(month)
        end = f"{int(following.timestamp() * 1000):012x}{'0' * 20}"
        parts.append(f"PARTITION p{month:%Y%m} VALUES LESS THAN (X'{end}')")
        month = following
    parts.append("PARTITION p_rest VALUES LESS THAN (MAXVALUE)")
    return f"PARTITION BY RANGE COLUMNS ({key}) ({', '.join(parts)})"


def _after(month: datetime) -> datetime:
    return month.replace(year=month.year + month.month // 12, month=month.month % 12 + 1)
