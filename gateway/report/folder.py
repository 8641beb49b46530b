"""The folder of the reports that are made each night: their names, which are due, which are old."""

import re
from datetime import date, datetime, timedelta
from pathlib import Path

from gateway.report.period import KINDS, Period, last_whole, period_of
from gateway.report.words import LANGUAGES, Language

NAME = re.compile(r"(day|week|month)-\d{4}-(?:W\d{2}|\d{2}(?:-\d{2})?)\.(zh|en)\.html")

# Periods that ended earlier are left as they are. A month and the one before are read.
LOOKED_BACK = timedelta(days=62)

# Stands in the head of a page of which something was still to be counted.
INCOMPLETE = '<meta name="shopsight" content="incomplete">'
# So many characters of a page are looked through for it.
HEAD = 500


def file_name(period: Period, language: Language) -> str:
    return f"{_stem(period)}.{language}.html"


def _stem(period: Period) -> str:
    return f"{period.kind}-{period.name}"


def due(folder: Path, today: date) -> list[Period]:
    """The last day, week and month that are over, where the folder has no whole report of it. Then
    those before it without any, the newest first, when nobody was there to make them: back to the
    first that the folder has of their kind, and no further than LOOKED_BACK."""
    last = [last_whole(kind, today) for kind in KINDS]
    wanted = [
        period
        for period in last
        if not all(_is_whole(folder / file_name(period, language)) for language in LANGUAGES)
    ]
    there = set(names(folder))
    for period in last:
        made = [name.partition(".")[0] for name in there if name.startswith(period.kind)]
        before = period.before
        while made and before.last >= today - LOOKED_BACK and _stem(before) > min(made):
            if any(file_name(before, language) not in there for language in LANGUAGES):
                wanted.append(before)
            before = before.before
    return wanted


def read_name(name: str) -> tuple[Period, Language]:
    """Of a file that `names` tells."""
    stem, language, _ = name.split(".")
    kind, day = stem.split("-", 1)
    found = next(each for each in KINDS if each == kind)
    spoken = next(each for each in LANGUAGES if each == language)
    return period_of(found, date.fromisoformat(f"{day}-01" if found == "month" else day)), spoken


def _is_whole(file: Path) -> bool:
    """Whether it is there, and does not say of itself that something was still to be counted."""
    try:
        with file.open(encoding="utf-8") as page:
            return INCOMPLETE not in page.read(HEAD)
    except FileNotFoundError:
        return False


def names(folder: Path) -> list[str]:
    """Of the reports there, the newest period of each kind first."""
    if not folder.is_dir():
        return []
    return sorted((path.name for path in folder.iterdir() if _is_ours(path.name)), reverse=True)


def _is_ours(name: str) -> bool:
    """Not a file that somebody else put there, such as of the 31st of February."""
    if not NAME.fullmatch(name):
        return False
    try:
        read_name(name)
    except ValueError:
        return False
    return True


def delete_old(folder: Path, now: datetime, days: int) -> None:
    limit = (now - timedelta(days=days)).timestamp()
    for name in names(folder):
        file = folder / name
        if file.stat().st_mtime < limit:
            file.unlink(missing_ok=True)
