"""The folder in which the gateways of one machine keep their spools. A process owns a spool while
it holds the lock in it; a spool without an owner is an orphan and may be adopted."""

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
from gateway.log.outbox.spool import REMOVING, Durability, Spool

log = logging.getLogger(__name__)

# Suffix of the folder of a spool that SQLite cannot read. A person has to look at it.
DAMAGED = ".damaged"


class SpoolFolder:
    def __init__(self, path: Path, durability: Durability) -> None:
        self.path = path
        self._durability = durability

    def create_spool(self) -> Spool:
        """A new, empty spool. This process owns it until it ends, however it ends."""
        for leftover in self.path.glob(f"{REMOVING}*"):  # of a process killed during a removal
            shutil.rmtree(leftover, ignore_errors=True)
        while True:
            name = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"
            folder = self.path / name
            folder.mkdir(parents=True)
            # Another gateway may have adopted and removed the empty folder in between.
            if (lock := _lock(folder)) is not None:
                spool = Spool(folder, lock, self._durability)
                # SQLite syncs its files, but not the directory entries that name them.
                for directory in (folder, self.path):
                    _sync(directory)
                return spool

    def adopt_orphans(self) -> Iterator[Spool]:
        """Adopt every spool whose owner has died. The adopter removes a spool once it is empty."""
        for folder in spools_in(self.path):
            if (lock := _lock(folder)) is None:
                continue
            try:
                spool = Spool(folder, lock, self._durability)
            except sqlite3.OperationalError as error:  # such as a full disk: tried again later
                log.warning("spool not adopted", extra={"fields": {"why": str(error)}})
                os.close(lock)
            except sqlite3.DatabaseError:
                mark_damaged(folder)
                os.close(lock)
            else:
                yield spool

    def free_bytes(self) -> int:
        """Free space of the disk."""
        return shutil.disk_usage(self.path).free


def spools_in(path: Path) -> list[Path]:
    """All spools, owned or not, the oldest first. Damaged ones are left out."""
    if not path.is_dir():
        return []
    folders = (p for p in path.iterdir() if p.is_dir() and not p.name.startswith(REMOVING))
    return sorted(folder for folder in folders if folder.suffix != DAMAGED)


def mark_damaged(folder: Path) -> None:
    log.error("spool is damaged and put aside", extra={"fields": {"spool": folder.name}})
    folder.rename(folder.with_name(folder.name + DAMAGED))


def is_owned(folder: Path) -> bool:
    """Whether a living process owns the spool."""
    if (lock := _lock(folder)) is None:
        return True
    os.close(lock)
    return False


def ids_in(folder: Path) -> set[UUID]:
    """Ids of the events in a spool, which its owner may be using. Raises sqlite3.DatabaseError if
    the file is damaged."""
    file = folder / "events.db"
    if not file.exists():  # its owner has just created or removed the folder
        return set()
    try:
        connection = sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)
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
    """File descriptor of the lock; None if another process holds it or the folder is gone."""
    path = folder / "lock"
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except FileNotFoundError:
        return None
    try:
        # flock belongs to the open file: the kernel releases it with the descriptor, at a kill too.
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(descriptor).st_ino == path.stat().st_ino:
            return descriptor
    except (BlockingIOError, FileNotFoundError):
        pass
    os.close(descriptor)
    return None
