"""Backups of an SQLite file while a gateway writes to it, by SQLite's own online backup."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from gateway.backup.server import BackupError

HEAD = b"SQLite format 3\0"
# A writer may hold its lock for so long.
BUSY_S = 60.0


def copy(source: Path, target: Path) -> None:
    """One consistent state of it, whole or not there, that only its owner can read."""
    partial = target.with_name(target.name + ".part")
    try:
        os.close(os.open(partial, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600))
        _backup(source, partial)
        with closing(sqlite3.connect(partial)) as made:
            made.execute("PRAGMA journal_mode=DELETE")  # one file, whoever opens it
        check(partial)
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def put_back(backup: Path, target: Path) -> None:
    """Into the file that is there: a gateway that has it open goes on with what was restored."""
    _backup(backup, target)


def check(file: Path) -> None:
    """Raises BackupError where it is no whole SQLite file."""
    with file.open("rb") as opened:
        if opened.read(len(HEAD)) != HEAD:
            raise BackupError(f"{file} is no backup of an SQLite file")
    try:
        with closing(sqlite3.connect(_reading(file), uri=True)) as connection:
            (said,) = connection.execute("PRAGMA integrity_check").fetchone()
    except sqlite3.DatabaseError as error:
        raise BackupError(f"{file} is damaged: {error}") from None
    if said != "ok":
        raise BackupError(f"{file} is damaged: {said}")


def _backup(source: Path, target: Path) -> None:
    try:
        reading = sqlite3.connect(_reading(source), uri=True, timeout=BUSY_S)
        with closing(reading), closing(sqlite3.connect(target, timeout=BUSY_S)) as writing:
            reading.backup(writing)
    except sqlite3.Error as error:  # such as a source that is not there, or a full disk
        raise BackupError(f"{source} cannot be copied to {target}: {error}") from None


def _reading(file: Path) -> str:
    """Quoted: a `?`, `#` or `%` in its path would lead to another file, which is made where there
    is none."""
    return f"{file.absolute().as_uri()}?mode=ro"
