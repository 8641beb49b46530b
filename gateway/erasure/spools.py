"""Takes the erased out of this machine's spools, whoever owns them: out of events that wait, and
out of what earlier ones have left in the files. Spools elsewhere follow by the tombstones."""

import contextlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from gateway.log.event import BadEvent
from gateway.log.outbox.spool_folder import DAMAGED, spools_in
from gateway.log.redaction import fields_of, without_person
from gateway.log.tombstones import Tombstones

# For the owner's commits, which take milliseconds.
BUSY_S = 2


@dataclass
class Redacted:
    """`unclean`: spools that were busy or cannot be read; to be tried again, or seen to."""

    events: int = 0
    unclean: list[str] = field(default_factory=list)


def waiting_events(spool_dir: Path, erased: Tombstones) -> list[str]:
    """The events of the erased that wait, as they are. A spool that cannot be read is one that
    `redact` names."""
    found = []
    for file in _files(spool_dir):
        with contextlib.suppress(sqlite3.Error), closing(_open(file, "ro")) as spool:
            found += [event for _, event in _matching(spool, erased)]
    return found


def redact(spool_dir: Path, erased: Tombstones) -> Redacted:
    """Leave of waiting events what without_person leaves, and nothing of those that have left."""
    redacted = Redacted(unclean=[path.name for path in spool_dir.glob(f"*{DAMAGED}")])
    for file in _files(spool_dir):
        try:
            redacted.events += _redact(file, erased)
        except sqlite3.Error:
            if file.exists():  # else its owner has drained and removed it
                redacted.unclean.append(file.parent.name)
    return redacted


def _redact(file: Path, erased: Tombstones) -> int:
    with closing(_open(file, "rw")) as spool:
        spool.execute("PRAGMA secure_delete=ON")
        changed = 0
        for seq, event in _matching(spool, erased):
            # By the event too: once it has left, its number may be another's.
            changed += spool.execute(
                "UPDATE events SET event = ? WHERE seq = ? AND event = ?",
                (without_person(event), seq, event),
            ).rowcount
        # The log holds each page as it was: moved into the file, and cut to nothing.
        busy, _, _ = spool.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            raise sqlite3.OperationalError("busy")
        return changed


def _open(file: Path, mode: str) -> sqlite3.Connection:
    address = f"file:{file}?mode={mode}"
    return sqlite3.connect(address, uri=True, timeout=BUSY_S, isolation_level=None)


def _matching(spool: sqlite3.Connection, erased: Tombstones) -> list[tuple[int, str]]:
    names = [who.name for who in erased.erased_at]
    clause = " OR ".join(["instr(event, ?)"] * len(names))
    try:
        rows = spool.execute(f"SELECT seq, event FROM events WHERE {clause}", names)  # noqa: S608
        return [(seq, event) for seq, event in rows if _covered(event, erased)]
    except sqlite3.OperationalError as error:
        if "no such table" in str(error):  # being made at this moment
            return []
        raise


def _covered(event: str, erased: Tombstones) -> bool:
    try:
        return erased.cover(fields_of(event))
    except BadEvent:
        return False


def _files(spool_dir: Path) -> Iterator[Path]:
    for folder in spools_in(spool_dir):
        file = folder / "events.db"
        if file.exists():
            yield file
