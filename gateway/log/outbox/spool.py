"""One gateway's spool: committed events that wait for the database, in an SQLite file in WAL mode.
The forwarder decides when to forward; `spool_folder` decides who owns a spool."""

import json
import os
import shutil
import sqlite3
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from gateway.log.outbox.wal import count_frames

Durability = Literal["process", "power"]

# Version of the file's tables, not of the events in it.
LAYOUT = 1
# Prefix of an empty spool's folder while it is being removed.
REMOVING = ".gone-"
# How long a commit waits while the forwarder removes a batch. That takes about a millisecond: if it
# takes longer, another program holds the file.
BUSY_MS = 2_000
# From this size on, the WAL is checkpointed into the file. When the WAL restarts, SQLite truncates
# it to this size.
WAL_BYTES = 1024 * 1024
# From this size on, a checkpoint makes the writer wait for a moment. Under load nothing else would
# give the space back.
WAL_TOO_LARGE_BYTES = 16 * WAL_BYTES
# A WAL that is not empty is truncated this often. It holds old versions of pages, with events that
# were removed long ago. So no question stays in a spool for longer, once the database has it.
WAL_AGE_S = 10.0
# Size of a WAL with one page and no event in it, see `maintain`.
NEW_WAL_BYTES = 32 + 24 + 4096
# Size of the ballast file, which is deleted when the disk is full. Even removing events needs
# space, for the WAL and for the file that it is checkpointed into.
BALLAST_BYTES = 8 * 1024 * 1024
# Of pages that a connection keeps. Each is read once, and SQLite would keep 2 MB of them.
CACHE_KB = 256
# Events that are then removed at a time: their WAL must fit into the ballast's space.
REMOVED_AT_A_TIME = 20
# Free pages (4 KB) that stay for reuse, and how many are given back to the disk at a time.
SPARE_PAGES = 2_000
VACUUM_PAGES = 500
# Rows of one INSERT at most. SQLite caches one compiled statement per number of rows.
MAX_GROUP = 200


@dataclass(frozen=True, slots=True)
class SpooledEvent:
    """An event in the spool. `at` is the time of its commit in Unix seconds. `seq` is unique within
    the spool, but may be reused after the event has left."""

    seq: int
    at: float
    event: str


class Spool:
    """One thread at a time appends. Another one reads and removes, on a connection of its own. That
    one may be in another process, with a Spool of its own. Methods raise sqlite3.Error."""

    def __init__(self, folder: Path, lock: int, durability: Durability) -> None:
        self.folder = folder
        self.lock = lock
        """File descriptor. The kernel releases it when every process that has it has ended."""
        self._durability = durability
        self._file = folder / "events.db"
        self._wal = folder / "events.db-wal"
        self._ballast = folder / "ballast"
        frames = count_frames(self._wal)  # before SQLite opens the file
        self._reader = self._connect()
        # Frames that a crash left half written. SQLite skips them in silence.
        self.torn_frames = frames - self._checkpoint("PASSIVE") if frames else 0
        # By whether the connection waits while another one writes.
        self._writers: dict[bool, sqlite3.Connection] = {}
        self._truncated_at = time.monotonic()
        self._counting = threading.Lock()
        self.recount()

    @property
    def fsyncs(self) -> bool:
        """Whether a commit waits for the disk (durability `power`)."""
        return self._durability == "power"

    def _connect(self, busy_ms: int = BUSY_MS) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._file,
            isolation_level=None,
            check_same_thread=False,
            timeout=busy_ms / 1000,
            cached_statements=MAX_GROUP + 50,
        )
        if connection.execute("PRAGMA user_version").fetchone() == (0,):
            connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
            connection.execute("PRAGMA journal_mode=WAL")
            # No AUTOINCREMENT: it writes a second page at each commit (23 against 16 us). A `seq`
            # must be unique only while its event waits.
            connection.execute(
                "CREATE TABLE IF NOT EXISTS events"
                " (seq INTEGER PRIMARY KEY, at REAL NOT NULL, event TEXT NOT NULL)"
            )
            connection.execute(f"PRAGMA user_version={LAYOUT}")
        # NORMAL: a commit is in the kernel's cache and survives a killed process. FULL: on disk.
        level = "FULL" if self.fsyncs else "NORMAL"
        connection.execute(f"PRAGMA synchronous={level}")
        connection.execute("PRAGMA wal_autocheckpoint=0")
        connection.execute(f"PRAGMA cache_size=-{CACHE_KB}")
        connection.execute("PRAGMA secure_delete=ON")  # removed events are overwritten
        connection.execute(f"PRAGMA journal_size_limit={WAL_BYTES}")
        return connection

    def recount(self) -> None:
        """Read from the file how much is in it. Only while no other process removes from it."""
        with self._counting:
            row = self._reader.execute("SELECT COUNT(*), SUM(LENGTH(event)) FROM events").fetchone()
            # Events and bytes. Only the appending thread changes the first.
            self._appended = (int(row[0]), int(row[1] or 0))
            self.removed = (0, 0)
            """Since the last count. Who removes in another process tells it, to be set here."""

    @property
    def depth(self) -> int:
        """Number of events in the spool, as far as this process knows."""
        return max(0, self._appended[0] - self.removed[0])

    @property
    def size(self) -> int:
        """Bytes of the events in the spool."""
        return max(0, self._appended[1] - self.removed[1])

    @property
    def is_empty(self) -> bool:
        """Read from the file, whoever appends to it."""
        return self._reader.execute("SELECT 1 FROM events LIMIT 1").fetchone() is None

    def append(self, events: Sequence[str], wait: bool = True) -> None:
        """Commit all of the events or none. Without `wait` it raises at once if the forwarder holds
        the write lock."""
        assert 0 < len(events) <= MAX_GROUP
        writer = self._writers.get(wait)
        if writer is None:
            writer = self._writers[wait] = self._connect(BUSY_MS if wait else 0)
        now = time.time()
        values = ",".join(("(?,?)",) * len(events))
        parameters = [value for event in events for value in (now, event)]
        # One statement is one transaction, and releases the interpreter's lock only once.
        statement = f"INSERT INTO events (at, event) VALUES {values}"  # noqa: S608
        if not self._counting.acquire(blocking=wait):
            raise sqlite3.OperationalError("its events are being counted")
        try:
            writer.execute(statement, parameters)
            rows, size = self._appended
            self._appended = (rows + len(events), size + sum(map(len, events)))
        finally:
            self._counting.release()

    def reopen_writers(self) -> None:
        """Close the append connections after an error. The next append opens a new one."""
        writers, self._writers = self._writers, {}
        for writer in writers.values():
            writer.close()

    def oldest(self, limit: int, skipped: Iterable[int] = ()) -> list[SpooledEvent]:
        """Up to `limit` events in their order, without those whose `seq` is in `skipped`."""
        rows = self._reader.execute(
            "SELECT seq, at, event FROM events"
            " WHERE seq NOT IN (SELECT value FROM json_each(?)) ORDER BY seq LIMIT ?",
            (json.dumps(list(skipped)), limit),
        )
        return [SpooledEvent(*row) for row in rows]

    def remove(self, done: Sequence[SpooledEvent]) -> None:
        """Delete events. On a full disk it gives up the ballast and deletes a few at a time."""
        try:
            self._delete(done)
        except sqlite3.OperationalError:  # most likely the disk is full
            self._ballast.unlink(missing_ok=True)
            for begin in range(0, len(done), REMOVED_AT_A_TIME):
                self._checkpoint("TRUNCATE")
                self._delete(done[begin : begin + REMOVED_AT_A_TIME])
        rows, size = self.removed
        self.removed = (rows + len(done), size + sum(len(spooled.event) for spooled in done))

    def _delete(self, done: Sequence[SpooledEvent]) -> None:
        seqs = json.dumps([spooled.seq for spooled in done])
        self._reader.execute(
            "DELETE FROM events WHERE seq IN (SELECT value FROM json_each(?))", (seqs,)
        )

    def maintain(self) -> None:
        """Checkpoint the WAL, give free pages back to the disk, recreate the ballast. The appending
        thread never does this work."""
        size = self._wal.stat().st_size if self._wal.exists() else 0
        old = size > NEW_WAL_BYTES and time.monotonic() - self._truncated_at > WAL_AGE_S
        if size >= WAL_BYTES or old:
            self._checkpoint("PASSIVE")  # does not block writers
        if size >= WAL_TOO_LARGE_BYTES or old:
            self._checkpoint("TRUNCATE")  # writers wait, but little is left to copy
            self._truncated_at = time.monotonic()
        if size >= WAL_BYTES or old:
            # The first write to a restarted WAL syncs its header. It is done here, because
            # otherwise the event loop would wait for the disk.
            self._reader.execute(f"PRAGMA user_version={LAYOUT}")
        (spare,) = self._reader.execute("PRAGMA freelist_count").fetchone()
        if spare > SPARE_PAGES:
            # As a script: `execute` would run only its first step, which frees one page.
            self._reader.executescript(f"PRAGMA incremental_vacuum({VACUUM_PAGES})")
        if not self._ballast.exists():
            self._allocate_ballast()

    def _allocate_ballast(self) -> None:
        if shutil.disk_usage(self.folder).free < 2 * BALLAST_BYTES:
            return
        with self._ballast.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, BALLAST_BYTES)

    def _checkpoint(self, mode: Literal["PASSIVE", "TRUNCATE"]) -> int:
        """Returns how many frames the WAL held."""
        _, frames, _ = self._reader.execute(f"PRAGMA wal_checkpoint({mode})").fetchone()
        return max(0, int(frames))

    def close(self) -> None:
        """Release the spool. An empty one is removed, another one waits for its next owner."""
        if self.is_empty:
            self._disconnect()
            # Renamed first: once its lock file is deleted, another process might claim the folder.
            removing = self.folder.with_name(REMOVING + self.folder.name)
            self.folder.rename(removing)
            shutil.rmtree(removing, ignore_errors=True)
        self.release()

    def release(self) -> None:
        """Close the connections and release the lock; leave the folder as it is."""
        self._disconnect()
        os.close(self.lock)

    def _disconnect(self) -> None:
        self.reopen_writers()
        self._reader.close()
