"""Redacts an erased person's events in this machine's spools, whoever owns these, and clears what
is left of removed events in their files. Spools of other machines are covered by the tombstones."""

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

# How long to wait for the owner's commits, which take milliseconds.
BUSY_S = 2


@dataclass
class SpoolRedaction:
    """`pending`: names of spools that were busy or cannot be read. The erasure has to be repeated
    for them, or a person has to look at them."""

    events: int = 0
    pending: list[str] = field(default_factory=list)


def find_events(spool_dir: Path, erased: Tombstones) -> list[str]:
    """The spooled events of erased persons, unchanged. Spools that cannot be read are skipped;
    `redact_spools` names them."""
    events = []
    for file in _files(spool_dir):
        with contextlib.suppress(sqlite3.Error), closing(_open(file, "ro")) as spool:
            events += [event for _, event in _covered_events(spool, erased)]
    return events


def redact_spools(spool_dir: Path, erased: Tombstones) -> SpoolRedaction:
    """Replace spooled events of erased persons by what `without_person` leaves of them, and clear
    removed events from the files."""
    redaction = SpoolRedaction(pending=[path.name for path in spool_dir.glob(f"*{DAMAGED}")])
    for file in _files(spool_dir):
        try:
            redaction.events += _redact_file(file, erased)
        except sqlite3.Error:
            if file.exists():  # else its owner has drained and removed it
                redaction.pending.append(file.parent.name)
    return redaction


def _redact_file(file: Path, erased: Tombstones) -> int:
    with closing(_open(file, "rw")) as spool:
        spool.execute("PRAGMA secure_delete=ON")
        changed = 0
        for seq, event in _covered_events(spool, erased):
            # The condition names the event too: once it has left, its `seq` may be reused.
            changed += spool.execute(
                "UPDATE events SET event = ? WHERE seq = ? AND event = ?",
                (without_person(event), seq, event),
            ).rowcount
        # The WAL holds old versions of pages: checkpoint it into the file and truncate it.
        busy, _, _ = spool.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            raise sqlite3.OperationalError("busy")
        return changed


def _open(file: Path, mode: str) -> sqlite3.Connection:
    address = f"{file.absolute().as_uri()}?mode={mode}"
    return sqlite3.connect(address, uri=True, timeout=BUSY_S, isolation_level=None)


def _covered_events(spool: sqlite3.Connection, erased: Tombstones) -> list[tuple[int, str]]:
    """`seq` and event of each event of an erased person."""
    names = [subject.name for subject in erased.erased_at]
    clause = " OR ".join(["instr(event, ?)"] * len(names))
    try:
        rows = spool.execute(f"SELECT seq, event FROM events WHERE {clause}", names)  # noqa: S608
        return [(seq, event) for seq, event in rows if _is_covered(event, erased)]
    except sqlite3.OperationalError as error:
        if "no such table" in str(error):  # its owner is just creating it
            return []
        raise


def _is_covered(event: str, erased: Tombstones) -> bool:
    try:
        return erased.cover(fields_of(event))
    except BadEvent:
        return False


def _files(spool_dir: Path) -> Iterator[Path]:
    for folder in spools_in(spool_dir):
        file = folder / "events.db"
        if file.exists():
            yield file
