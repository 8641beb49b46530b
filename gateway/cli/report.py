"""`shopsight report`: one page about a day, a week or a month, or all that the folder lacks."""

import argparse
import sys
from datetime import UTC, date, datetime
from pathlib import Path

from gateway.config import Settings
from gateway.log.rollups.roll_up import roll_up
from gateway.log.rollups.upkeep import upkeep_lock
from gateway.log.schema.database import open_database
from gateway.report import build, late
from gateway.report.folder import delete_old, file_name
from gateway.report.period import Period, last_whole, period_of


def run(args: argparse.Namespace) -> int:
    settings = Settings()
    engine = open_database(settings)
    zone, now = settings.business_zone, datetime.now(UTC)
    try:
        if args.missing:
            for name in build.fill(engine, zone, settings.report_dir, now):
                print(settings.report_dir / name)
            for name in late.renew(engine, zone, settings.report_dir, now):
                print(settings.report_dir / name)
            delete_old(settings.report_dir, now, settings.report_keep_days)
            return 0
        with upkeep_lock(engine) as acquired:
            if acquired:  # else the worker does it
                roll_up(engine, zone, price=settings.price)
        if args.day is None:
            period = last_whole(args.period, now.astimezone(zone).date())
        else:
            period = period_of(args.period, args.day)
        if build.is_empty(engine, period, args.tenant):
            print(_nothing(period, args.tenant, now.astimezone(zone).date()), file=sys.stderr)
            return 1
        counted = acquired or build.is_counted(engine, zone, period)
        page = build.report(engine, zone, period, args.tenant, args.language, counted=counted)
    finally:
        engine.dispose()
    file: Path = args.out or Path(file_name(period, args.language))
    build.write(file, page)
    print(file, file=sys.stderr)
    return 0


def _nothing(period: Period, tenant: str | None, today: date) -> str:
    days = f"on {period.first}"
    if period.last != period.first:
        days = f"from {period.first} to {period.last}"
    whose = f" of {tenant}" if tenant else ""
    return (
        f"The log has no requests{whose} {days}: there is nothing to report, and no file is"
        f" written.\nWhat was asked today: shopsight report day --day {today}"
    )
