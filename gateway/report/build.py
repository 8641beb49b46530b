"""Makes reports: one as a page, or all that a folder lacks."""

from collections.abc import Iterator
from datetime import datetime, timedelta, tzinfo
from pathlib import Path

from sqlalchemy import Engine

from gateway.log.rollups import pending_spans
from gateway.log.rollups.business_time import day_span
from gateway.log.rollups.roll_up import ALL_ROLLUPS
from gateway.report.figures import figures_of
from gateway.report.folder import due, file_name
from gateway.report.page import ReportPage
from gateway.report.period import Period
from gateway.report.words import LANGUAGES, Language
from gateway.whole_file import whole_file

# A report that is read in the morning is there by then, whatever the roll-ups do.
PATIENCE = timedelta(hours=6)


def report(
    engine: Engine,
    zone: tzinfo,
    period: Period,
    tenant: str | None,
    language: Language,
    *,
    counted: bool = True,
) -> str:
    """The page of one report, from roll-ups as they are. It says so if not all is `counted`."""
    with engine.connect() as connection:
        now = figures_of(connection, period, tenant)
        before = figures_of(connection, period.before, tenant)
    made_at = datetime.now(zone)
    page = ReportPage(
        period, now, before, tenant=tenant, language=language, made_at=made_at, counted=counted
    )
    return page.html()


def is_counted(engine: Engine, zone: tzinfo, period: Period) -> bool:
    """Whether the roll-ups have all that the log has of the period and of the one before."""
    begin = day_span(period.before.first, zone).starts_at
    end = day_span(period.last, zone).ends_at
    with engine.connect() as connection:
        names = [rollup.name for rollup in ALL_ROLLUPS]
        return not pending_spans.any_between(connection, names, begin, end)


def is_empty(engine: Engine, period: Period, tenant: str | None) -> bool:
    """Whether the roll-ups have no request of that period."""
    with engine.connect() as connection:
        return not figures_of(connection, period, tenant).total.get("requests")


def fill(engine: Engine, zone: tzinfo, folder: Path, now: datetime) -> Iterator[str]:
    """Write the reports that are due, and not there or incomplete. One whose period is not counted
    yet waits for PATIENCE, then is made incomplete, and made again when all is counted. Yields the
    names of the files."""
    folder.mkdir(parents=True, exist_ok=True)
    for period in due(folder, now.astimezone(zone).date()):
        counted = is_counted(engine, zone, period)
        if not counted and now < day_span(period.last, zone).ends_at + PATIENCE:
            continue
        for language in LANGUAGES:
            name = file_name(period, language)
            if counted or not (folder / name).exists():
                page = report(engine, zone, period, None, language, counted=counted)
                write(folder / name, page)
                yield name


def write(file: Path, page: str) -> None:
    """Whole or not at all."""
    with whole_file(file) as out:
        out.write_text(page, encoding="utf-8")
