"""Rows that come after a report was made, such as from a gateway that was cut off for hours: the
report is made again, or says how many they are."""

import re
from collections.abc import Iterator
from datetime import date, datetime, tzinfo
from pathlib import Path

from sqlalchemy import Connection, Engine, func, select

from gateway.log.rollups.business_time import day_span
from gateway.log.rollups.countable import whole_since
from gateway.log.rollups.roll_up import JOURNEYS
from gateway.log.rollups.tables import hourly_usage
from gateway.report.build import is_counted, report, write
from gateway.report.folder import HEAD, INCOMPLETE, LOOKED_BACK, names, read_name
from gateway.report.page import LATE, REQUESTS
from gateway.report.period import Period
from gateway.report.words import Language, word

_REQUESTS = re.compile(re.escape(REQUESTS).replace(r"\{\}", r"(\d+)"))
_LATE = re.compile(rf"(?:<p class=late>[^<]*</p>)?{LATE}")


def renew(engine: Engine, zone: tzinfo, folder: Path, now: datetime) -> Iterator[str]:
    """Make the reports again for which the roll-ups have more requests by now, and those that are
    incomplete. One of days that have lost their content would lose figures: it stays, and says how
    many came later. Yields the names of the files."""
    oldest = now.astimezone(zone).date() - LOOKED_BACK
    with engine.connect() as connection:
        by_day = _requests_by_day(connection, oldest - LOOKED_BACK)
        since = whole_since(connection, with_content=True, back=JOURNEYS.back)
    for name in names(folder):
        period, language = read_name(name)
        if period.last < oldest:
            continue
        page = (folder / name).read_text(encoding="utf-8")
        told = _REQUESTS.search(page, 0, HEAD)
        if told is None:  # made by a version before
            continue
        here, before = (_sum(by_day, each) for each in (period, period.before))
        late = here - int(told[1])
        if not late and before == int(told[2]) and INCOMPLETE not in page[:HEAD]:
            continue
        is_whole = since is None or day_span(period.before.first, zone).starts_at >= since
        if not is_whole:
            renewed = _saying(page, late, language) if late > 0 else page
        elif is_counted(engine, zone, period):
            renewed = report(engine, zone, period, None, language)
        else:
            continue
        if renewed != page:
            write(folder / name, renewed)
            yield name


def _requests_by_day(connection: Connection, first: date) -> dict[date, int]:
    day = hourly_usage.c.business_day
    query = select(day, func.sum(hourly_usage.c.requests)).where(day >= first).group_by(day)
    return {row[0]: int(row[1]) for row in connection.execute(query)}


def _sum(by_day: dict[date, int], period: Period) -> int:
    return sum(by_day.get(day, 0) for day in period.days())


def _saying(page: str, late: int, language: Language) -> str:
    said = f"<p class=late>{word('late', language)} {late:,}</p>{LATE}"
    return _LATE.sub(said, page, count=1)
