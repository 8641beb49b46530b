"""Reports of the night, by a process of their own."""

import os
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from gateway.report.nightly import NightlyReports
from gateway.report.settings import ReportSettings
from tests.support.migrating import migrate

SHANGHAI = ZoneInfo("Asia/Shanghai")


def test_a_night_makes_what_is_due_once_and_deletes_what_is_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path / 'log.db'}"
    migrate(url)
    folder = tmp_path / "reports"
    monkeypatch.setenv("DATABASE_URL", url)
    monkeypatch.setenv("REPORT_DIR", str(folder))
    folder.mkdir()
    old = folder / "month-2020-01.zh.html"
    old.touch()
    os.utime(old, (0, 0))
    reports = NightlyReports(folder, SHANGHAI)
    now = datetime.now(SHANGHAI).replace(hour=0, minute=30)
    assert not reports.round(now.astimezone(UTC)), "rows of the day before may still come"
    assert reports.round(now.astimezone(UTC) + timedelta(hours=3))
    found = sorted(path.name for path in folder.iterdir())
    made = Counter(name.split("-")[0] for name in found)
    assert (made["day"], made["week"]) == (2, 2)
    assert made["month"] in (4, 6)  # those that were missed since the old one, of two months
    assert not old.exists()
    assert not reports.round(now.astimezone(UTC) + timedelta(hours=4)), "all of them are there"


def test_settings_may_want_none(tmp_path: Path) -> None:
    wanted = ReportSettings(report_dir=tmp_path)
    assert len(NightlyReports.wanted(wanted, SHANGHAI)) == 1
    unwanted = ReportSettings(report_dir=tmp_path, nightly_reports=False)
    assert NightlyReports.wanted(unwanted, SHANGHAI) == []
