"""The folder in which gateways of one machine keep their spools: who owns which, and whose owner is
dead. A spool belongs to whoever holds the lock in it."""

import fcntl
import logging
import os
import secrets
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from gateway.log.event import id_of
from gateway.log.outbox.spool import GONE, Durability, Spool

log = logging.getLogger(__name__)

# A spool that SQLite cannot read is put aside under this name, for a person to look at.
DAMAGED = ".damaged"


class SpoolFolder:
    def __init__(self, path: Path, durability: Durability) -> None:
        self.path = path
        self._durability = durability

    def claim(self) -> Spool:
        """A new, empty spool, held by this process until it ends, however it ends."""
        for leftover in self.path.glob(f"{GONE}*"):  # of one that was killed while it cleared away
            shutil.rmtree(leftover, ignore_errors=True)
        while True:
            name = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"
            folder = self.path / name
            folder.mkdir(parents=True)
            # Another gateway may have adopted and removed the still empty folder by now.
            if (lock := _lock(folder)) is not None:
                spool = Spool(folder, lock, self._durability)
                for directory in (folder, self.path):  # SQLite syncs its files, not their names
                    _sync(directory)
                return spool

    def orphans(self) -> Iterator[Spool]:
        """Adopt every spool without a living owner. The adopter removes it when it is empty."""
        for folder in spools_in(self.path):
            if (lock := _lock(folder)) is None:
                continue
            try:
                spool = Spool(folder, lock, self._durability)
            except sqlite3.OperationalError as error:  # a full disk, say: tried again later
                log.warning("spool not adopted", extra={"fields": {"why": str(error)}})
                os.close(lock)
            except sqlite3.DatabaseError:
                set_aside(folder)
                os.close(lock)
            else:
                yield spool

    def free_bytes(self) -> int:
        return shutil.disk_usage(self.path).free


def spools_in(path: Path) -> list[Path]:
    """The oldest first; whoever owns them."""
    if not path.is_dir():
        return []
    here = (p for p in path.iterdir() if p.is_dir() and not p.name.startswith(GONE))
    return sorted(p for p in here if p.suffix != DAMAGED)


def set_aside(folder: Path) -> None:
    log.error("spool is damaged and put aside", extra={"fields": {"spool": folder.name}})
    folder.rename(folder.with_name(folder.name + DAMAGED))


def is_owned(folder: Path) -> bool:
    """Whether a living process holds the spool."""
    if (lock := _lock(folder)) is None:
        return True
    os.close(lock)
    return False


def ids_in(folder: Path) -> set[UUID]:
    """The interactions that wait in a spool, also while its owner uses it. Raises
    sqlite3.DatabaseError if it is damaged."""
    file = folder / "events.db"
    if not file.exists():  # just claimed, or just removed
        return set()
    try:
        connection = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
        with closing(connection):
            return {id_of(event) for (event,) in connection.execute("SELECT event FROM events")}
    except sqlite3.OperationalError as error:
        if file.exists() and "no such table" not in str(error):
            raise
        return set()


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _lock(folder: Path) -> int | None:
    """Descriptor of the held lock; None if another holds it or the folder is being removed."""
    path = folder / "lock"
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except FileNotFoundError:
        return None
    try:
        # Of the open file, not of the process: it ends with the last descriptor, at a kill too.
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(descriptor).st_ino == path.stat().st_ino:
            return descriptor
    except (BlockingIOError, FileNotFoundError):
        pass
    os.close(descriptor)
    return None
