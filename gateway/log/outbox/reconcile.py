"""Checks that every acknowledged interaction is in the database exactly once. Compares sets of ids
and names each kind of difference; it repairs nothing."""

import sqlite3
from collections import Counter
from collections.abc import Set
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path
from uuid import UUID

from sqlalchemy import Engine, select

from gateway.log.outbox.spool_folder import DAMAGED, ids_in, spools_in
from gateway.log.schema.partitions import first_id_at
from gateway.log.schema.tables import dead_letters, interactions

Ids = Set[UUID]


@dataclass(frozen=True)
class Reconciliation:
    """Sets of ids, explained in MEANING. `lost` and `doubled` must be empty."""

    lost: Ids
    doubled: Ids
    recorded: Ids
    waiting: Ids
    dead: Ids
    repeated: Ids
    surplus: Ids

    @property
    def exact(self) -> bool:
        return not self.lost and not self.doubled

    def report_lines(self) -> list[str]:
        """One line per set: its size, its name and what it means."""
        return [
            f"{len(getattr(self, f.name)):>9}  {f.name:<9} {MEANING[f.name]}" for f in fields(self)
        ]


MEANING = {
    "lost": "acknowledged, and neither a row nor waiting nor a dead letter",
    "doubled": "more than one row: the table has lost its unique key",
    "recorded": "one row",
    "waiting": "in a spool, not in the database yet",
    "dead": "refused by the database, see `shopsight log dead`",
    "repeated": "a row, and still in a spool or among the dead letters: sent again without effect",
    "surplus": "a row or waiting, but not in the ledger: refused, cancelled, or cut off by a kill",
}


def compare_ids(
    acknowledged: Ids | None, waiting: Ids, dead: Ids, rows: Counter[UUID]
) -> Reconciliation:
    """Compare the acknowledged ids with those in spools (`waiting`), among dead letters and in
    rows. Without acknowledged ids (None) `lost` and `surplus` are empty."""
    present = rows.keys() | waiting | dead
    return Reconciliation(
        lost=frozenset() if acknowledged is None else acknowledged - present,
        doubled={interaction for interaction, times in rows.items() if times > 1},
        recorded=rows.keys() - waiting - dead,
        waiting=waiting - rows.keys(),
        dead=dead - rows.keys() - waiting,
        repeated=rows.keys() & (waiting | dead),
        surplus=frozenset() if acknowledged is None else present - acknowledged,
    )


def spooled_ids(spool_dir: Path) -> set[UUID]:
    """Ids of the events in all spools of this machine. A damaged spool counts as empty."""
    ids: set[UUID] = set()
    for folder in spools_in(spool_dir):
        try:
            ids |= ids_in(folder)
        except sqlite3.DatabaseError:
            continue
    return ids


def damaged_spools(spool_dir: Path) -> list[Path]:
    return sorted(spool_dir.glob(f"*{DAMAGED}"))


def database_ids(engine: Engine, since: datetime | None = None) -> tuple[Counter[UUID], set[UUID]]:
    """Ids of rows, each with its number of rows, and ids of dead letters. `since` leaves out
    interactions that began earlier."""
    first = first_id_at(since) if since else UUID(int=0)
    dead_key, key = dead_letters.c.interaction_id, interactions.c.interaction_id
    with engine.connect() as connection:
        dead = set(connection.scalars(select(dead_key).where(dead_key >= first)))
    # In a later transaction: a dead letter that is replayed in between is seen twice, not never.
    with engine.connect() as connection:
        rows = Counter(connection.scalars(select(key).where(key >= first)))
    return rows, dead


def reconcile_log(
    engine: Engine, spool_dir: Path, acknowledged: Ids | None = None, since: datetime | None = None
) -> Reconciliation:
    """Read the ids from spools and database, and compare them. Raises SQLAlchemyError."""
    # The spools first: an event that is forwarded meanwhile is seen twice, not never.
    waiting = spooled_ids(spool_dir)
    rows, dead = database_ids(engine, since)
    if since is not None:
        first = first_id_at(since)
        waiting = {interaction for interaction in waiting if interaction >= first}
        if acknowledged is not None:
            acknowledged = {interaction for interaction in acknowledged if interaction >= first}
    return compare_ids(acknowledged, waiting, dead, rows)
