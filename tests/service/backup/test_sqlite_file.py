"""Copies of an SQLite file: all that is there, or a sentence and no file."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from gateway.backup.server import BackupError
from gateway.backup.sqlite_file import check, copy, put_back


def written(file: Path, rows: int) -> Path:
    file.parent.mkdir(exist_ok=True)
    with closing(sqlite3.connect(file)) as made, made:
        made.execute("CREATE TABLE rows (number INTEGER)")
        made.executemany("INSERT INTO rows VALUES (?)", [(number,) for number in range(rows)])
    return file


def rows(file: Path) -> int:
    with closing(sqlite3.connect(file)) as opened:
        return int(opened.execute("SELECT COUNT(*) FROM rows").fetchone()[0])


@pytest.mark.parametrize("name", ["shop#1", "shop?mode=rwc", "100%41", "店 1", "file:x"])
def test_a_file_with_any_name_is_copied_looked_at_and_put_back(tmp_path: Path, name: str) -> None:
    """As a part of an address `#`, `?` and `%` lead to another file, which is empty and sound."""
    source, backup = written(tmp_path / name / "log.db", 3), tmp_path / name / f"{name}.backup"
    copy(source, backup)
    assert rows(backup) == 3
    put_back(backup, written(tmp_path / name / "other.db", 1))
    assert rows(tmp_path / name / "other.db") == 3
    backup.write_bytes(backup.read_bytes()[:5000])
    with pytest.raises(BackupError, match="is damaged"):
        check(backup)
    assert {path.name for path in tmp_path.iterdir()} == {name}


def test_what_is_not_there_or_damaged_is_said_and_leaves_no_backup(tmp_path: Path) -> None:
    backup, damaged = tmp_path / "backup", written(tmp_path / "log.db", 3_000)
    with pytest.raises(BackupError, match=r"none\.db cannot be copied to"):
        copy(tmp_path / "none.db", backup)
    data = bytearray(damaged.read_bytes())
    data[5_000:9_000] = b"\xff" * 4_000
    damaged.write_bytes(data)
    with pytest.raises(BackupError, match=r"is damaged|cannot be copied"):
        copy(damaged, backup)
    assert [path.name for path in tmp_path.iterdir()] == ["log.db"]
