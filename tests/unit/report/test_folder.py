"""What is in the folder of reports."""

import os
from datetime import UTC, datetime
from pathlib import Path

from gateway.report.folder import delete_old, names

NOW = datetime(2026, 11, 8, tzinfo=UTC)


def test_of_old_files_only_reports_are_deleted(tmp_path: Path) -> None:
    """The runbook keeps the list of erasures there during a restore."""
    for name in ("day-2026-01-01.en.html", "erasures", "notes.html"):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (0, 0))
    delete_old(tmp_path, NOW, 400)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["erasures", "notes.html"]


def test_a_day_that_there_is_not_has_no_report(tmp_path: Path) -> None:
    """Whoever put such a file there would have stopped all reports, every night."""
    ours = "day-2026-02-28.zh.html"
    for name in (ours, "day-2026-02-31.zh.html", "week-2026-W99.en.html", "month-2026-13.zh.html"):
        (tmp_path / name).touch()
    assert names(tmp_path) == [ours]
