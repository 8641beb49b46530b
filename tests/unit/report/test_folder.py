"""What is in the folder of reports."""

import os
from datetime import UTC, datetime
from pathlib import Path

from gateway.report.folder import delete_old

NOW = datetime(2026, 11, 8, tzinfo=UTC)


def test_of_old_files_only_reports_are_deleted(tmp_path: Path) -> None:
    """The runbook keeps the list of erasures there during a restore."""
    for name in ("day-2026-01-01.en.html", "erasures", "notes.html"):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (0, 0))
    delete_old(tmp_path, NOW, 400)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["erasures", "notes.html"]
