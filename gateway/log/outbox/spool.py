"""One gateway's spool: committed events that wait for the database, in an SQLite file in WAL mode.
Holds no opinion on when to forward; which spool belongs to whom is `spool_folder`'s."""

import json
import os
import shutil
import sqlite3
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from gateway.log.outbox.wal import frames_begun

Durability = Literal["process", "power"]

# Layout of the file, not of the events in it.
LAYOUT = 1
# What an emptied spool's folder is called while it is being removed.
GONE = ".gone-"
# How long a commit waits for the forwarder's removal of a batch, which takes about a millisecond;
# longer means that something foreign holds the file.
BUSY_MS = 2_000
# The WAL is moved into the file from this size, and cut back to it when it starts anew.
WAL_BYTES = 1024 * 1024
# From here the writer is made to wait for a moment: nothing else gives the space back under load.
WAL_TOO_LARGE_BYTES = 16 * WAL_BYTES
# … and cut to nothing so often, if anything is in it: it holds pages as they were, with events that
# have long left. Nothing that was asked stays in a spool for longer once the database has it.
WAL_AGE_S = 10.0
# A log with one page, and no event in it: see `tidy`.
NEW_WAL_BYTES = 32 + 24 + 4096
# Space held for the moment when the disk is full: even to remove events takes some, for the log of
# the removal, and for the file that the WAL is moved into.
BALLAST_BYTES = 8 * 1024 * 1024
# Events that are then removed at a time: the log of it is to fit into the ballast.
PIECE_ROWS = 20
# Free pages (4 KB) that are left for reuse, and how many go back to the disk at a time.
SPARE_PAGES = 2_000
VACUUM_PAGES = 500
# Rows of one statement: SQLite keeps the compiled statement of each length.
MAX_GROUP = 200


@dataclass(frozen=True, slots=True)
class SpooledEvent:
    """An event in the spool; `at` is the wall clock at its commit."""

    seq: int
    at: float
    event: str


class Spool:
    """Appending is one thread's at a time, reading and removing another's, on connections of their
    own. Both raise sqlite3.Error."""

    def __init__(self, folder: Path, lock: int, durability: Durability) -> None:
        self.folder = folder
        self._lock = lock  # descriptor; held as long as the process lives, however it ends
        self._durability = durability
        self._file = folder / "events.db"
        self._wal = folder / "events.db-wal"
        self._ballast = folder / "ballast"
        begun = frames_begun(self._wal)  # before the file is opened
        self._reader = self._connect()
        # What a crash left half written; SQLite has skipped it.
        self.torn_frames = begun - self._checkpoint("PASSIVE") if begun else 0
        # By whether it waits for who else writes.
        self._writers: dict[bool, sqlite3.Connection] = {}
        self._cut_at = time.monotonic()
        row = self._reader.execute("SELECT COUNT(*), SUM(LENGTH(event)) FROM events").fetchone()
        # Each is counted by one thread at a time.
        self._appended = (int(row[0]), int(row[1] or 0))
        self._removed = (0, 0)

    @property
    def syncs(self) -> bool:
        """Whether a commit waits for the disk."""
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
            # No AUTOINCREMENT: it writes a second page at each commit (23 against 16 us), and a
            # number need only be its event's while that waits.
            connection.execute(
                "CREATE TABLE IF NOT EXISTS events"
                " (seq INTEGER PRIMARY KEY, at REAL NOT NULL, event TEXT NOT NULL)"
            )
            connection.execute(f"PRAGMA user_version={LAYOUT}")
        # NORMAL: a commit is in the kernel's hands, which survives the process; FULL: on the disk.
        level = "FULL" if self.syncs else "NORMAL"
        connection.execute(f"PRAGMA synchronous={level}")
        connection.execute("PRAGMA wal_autocheckpoint=0")
        connection.execute("PRAGMA secure_delete=ON")  # what leaves is overwritten
        connection.execute(f"PRAGMA journal_size_limit={WAL_BYTES}")
        return connection

    @property
    def depth(self) -> int:
        """Events that wait."""
        return self._appended[0] - self._removed[0]

    @property
    def size(self) -> int:
        """Their bytes."""
        return self._appended[1] - self._removed[1]

    def append(self, events: Sequence[str], patient: bool = True) -> None:
        """All of them, committed, or none. Not `patient`: an error at once where the forwarder is
        just removing."""
        assert 0 < len(events) <= MAX_GROUP
        writer = self._writers.get(patient)
        if writer is None:
            writer = self._writers[patient] = self._connect(BUSY_MS if patient else 0)
        now = time.time()
        values = ",".join(("(?,?)",) * len(events))
        parameters = [value for event in events for value in (now, event)]
        # One statement is one transaction, and lets go of the interpreter's lock once.
        statement = f"INSERT INTO events (at, event) VALUES {values}"  # noqa: S608
        writer.execute(statement, parameters)
        rows, size = self._appended
        self._appended = (rows + len(events), size + sum(map(len, events)))

    def reopen_writers(self) -> None:
        """After a failed append: whatever state its connection is in, the next starts afresh."""
        writers, self._writers = self._writers, {}
        for writer in writers.values():
            writer.close()

    def oldest(self, limit: int, but: Iterable[int] = ()) -> list[SpooledEvent]:
        found = self._reader.execute(
            "SELECT seq, at, event FROM events"
            " WHERE seq NOT IN (SELECT value FROM json_each(?)) ORDER BY seq LIMIT ?",
            (json.dumps(list(but)), limit),
        )
        return [SpooledEvent(*row) for row in found]

    def remove(self, done: Sequence[SpooledEvent]) -> None:
        try:
            self._delete(done)
        except sqlite3.OperationalError:  # the disk is full, most likely
            self._ballast.unlink(missing_ok=True)
            for begin in range(0, len(done), PIECE_ROWS):
                self._checkpoint("TRUNCATE")
                self._delete(done[begin : begin + PIECE_ROWS])
        rows, size = self._removed
        self._removed = (rows + len(done), size + sum(len(spooled.event) for spooled in done))

    def _delete(self, done: Sequence[SpooledEvent]) -> None:
        numbers = json.dumps([spooled.seq for spooled in done])
        self._reader.execute(
            "DELETE FROM events WHERE seq IN (SELECT value FROM json_each(?))", (numbers,)
        )

    def tidy(self) -> None:
        """Move the WAL into the file, give space back, hold some again; the writer never does."""
        size = self._wal.stat().st_size if self._wal.exists() else 0
        old = size > NEW_WAL_BYTES and time.monotonic() - self._cut_at > WAL_AGE_S
        if size >= WAL_BYTES or old:
            self._checkpoint("PASSIVE")  # while others write
        if size >= WAL_TOO_LARGE_BYTES or old:
            self._checkpoint("TRUNCATE")  # little is left that they would have to wait for
            self._cut_at = time.monotonic()
        if size >= WAL_BYTES or old:
            # Whoever writes first into a log that starts anew syncs its head: not the event loop.
            self._reader.execute(f"PRAGMA user_version={LAYOUT}")
        (spare,) = self._reader.execute("PRAGMA freelist_count").fetchone()
        if spare > SPARE_PAGES:
            # As a script: `execute` would take one step of it, which is one page.
            self._reader.executescript(f"PRAGMA incremental_vacuum({VACUUM_PAGES})")
        if not self._ballast.exists():
            self._hold_ballast()

    def _hold_ballast(self) -> None:
        if shutil.disk_usage(self.folder).free < 2 * BALLAST_BYTES:
            return
        with self._ballast.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, BALLAST_BYTES)

    def _checkpoint(self, mode: Literal["PASSIVE", "TRUNCATE"]) -> int:
        """Answers how many frames the WAL held."""
        _, frames, _ = self._reader.execute(f"PRAGMA wal_checkpoint({mode})").fetchone()
        return max(0, int(frames))

    def close(self) -> None:
        """Let go of it; an empty one is removed, what waits in another is the next owner's."""
        if self._reader.execute("SELECT 1 FROM events LIMIT 1").fetchone() is None:
            self._disconnect()
            # Out of sight first: in a folder whose lock is gone already another might find a spool.
            gone = self.folder.with_name(GONE + self.folder.name)
            self.folder.rename(gone)
            shutil.rmtree(gone, ignore_errors=True)
        self.release()

    def release(self) -> None:
        """Let go of it as it is."""
        self._disconnect()
        os.close(self._lock)

    def _disconnect(self) -> None:
        self.reopen_writers()
        self._reader.close()
