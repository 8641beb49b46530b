"""The folder of the reports that are made each night: their names, which are due, which are old."""

import re
from datetime import date, datetime, timedelta
from pathlib import Path

from gateway.report.period import KINDS, Period, last_whole
from gateway.report.words import LANGUAGES, Language

NAME = re.compile(r"(day|week|month)-\d{4}-(?:W\d{2}|\d{2}(?:-\d{2})?)\.(zh|en)\.html")


def file_name(period: Period, language: Language) -> str:
    return f"{period.kind}-{period.name}.{language}.html"


def due(folder: Path, today: date) -> list[Period]:
    """The last day, week and month that are over, where the folder has no report of it."""
    found = set(names(folder))
    periods = [last_whole(kind, today) for kind in KINDS]
    return [
        period
        for period in periods
        if any(file_name(period, language) not in found for language in LANGUAGES)
    ]


def names(folder: Path) -> list[str]:
    """Of the reports there, the newest period of each kind first."""
    if not folder.is_dir():
        return []
    found = [path.name for path in folder.iterdir() if NAME.fullmatch(path.name)]
    return sorted(found, reverse=True)


def delete_old(folder: Path, now: datetime, days: int) -> None:
    limit = (now - timedelta(days=days)).timestamp()
    for name in names(folder):
        file = folder / name
        if file.stat().st_mtime < limit:
            file.unlink(missing_ok=True)
