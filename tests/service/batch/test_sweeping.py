"""A sweep of files beside gateways and workers that write, move and delete them."""

import os
import uuid
from pathlib import Path

import pytest
from sqlalchemy import Engine

from gateway.batch.file import path_of
from gateway.batch.files import Files
from gateway.batch.settings import BatchSettings
from tests.support.migrating import migrate


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_it_goes_on_where_files_disappear_under_it(
    engine: Engine, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate(database_url)
    folder = tmp_path / "files"
    store = Files(BatchSettings(file_dir=folder), engine, None, None)  # type: ignore[arg-type]  # not for sweeping
    halves = [folder / f"{n}.part" for n in range(3)]
    orphans = [path_of(folder, uuid.UUID(int=n)) for n in range(3)]
    for path in (*halves, *orphans):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        os.utime(path, (0, 0))
    listed = Path.glob

    def moved_meanwhile(self: Path, pattern: str) -> list[Path]:
        found = sorted(listed(self, pattern))
        found[0].unlink()
        return found

    monkeypatch.setattr(Path, "glob", moved_meanwhile)
    store.sweep()
    assert not any(path.exists() for path in (*halves, *orphans))
