"""Makes reports: one as a page, or all that a folder lacks."""

from collections.abc import Iterator
from datetime import datetime, tzinfo
from pathlib import Path

from sqlalchemy import Engine

from gateway.report.figures import figures_of
from gateway.report.folder import due, file_name
from gateway.report.page import ReportPage
from gateway.report.period import Period
from gateway.report.words import LANGUAGES, Language


def report(
    engine: Engine, zone: tzinfo, period: Period, tenant: str | None, language: Language
) -> str:
    """The page of one report, from roll-ups as they are."""
    with engine.connect() as connection:
        now = figures_of(connection, period, tenant)
        before = figures_of(connection, period.before, tenant)
    made_at = datetime.now(zone)
    page = ReportPage(period, now, before, tenant=tenant, language=language, made_at=made_at)
    return page.html()


def is_empty(engine: Engine, period: Period, tenant: str | None) -> bool:
    """Whether the roll-ups have no request of that period."""
    with engine.connect() as connection:
        return not figures_of(connection, period, tenant).total.get("requests")


def fill(engine: Engine, zone: tzinfo, folder: Path, now: datetime) -> Iterator[str]:
    """Write the reports that are due and not there. Yields the names of their files."""
    folder.mkdir(parents=True, exist_ok=True)
    for period in due(folder, now.astimezone(zone).date()):
        for language in LANGUAGES:
            name = file_name(period, language)
            write(folder / name, report(engine, zone, period, None, language))
            yield name


def write(file: Path, page: str) -> None:
    """Whole or not at all."""
    partial = file.with_name(file.name + ".part")
    try:
        partial.write_text(page, encoding="utf-8")
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)
