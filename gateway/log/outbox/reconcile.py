"""Is every acknowledged interaction in the database, once? Compares sets of ids and puts every
difference under a name."""

import sqlite3
from collections import Counter
from collections.abc import Set
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path
from uuid import UUID

from sqlalchemy import Engine, select

from gateway.log.outbox.spool_folder import DAMAGED, ids_in, spools_in
from gateway.log.schema.tables import dead_letters, interactions

Ids = Set[UUID]


@dataclass(frozen=True)
class Reconciled:
    """Each a set of ids; the text says what it means. `lost` and `doubled` must be empty."""

    lost: Ids
    doubled: Ids
    recorded: Ids
    waiting: Ids
    dead: Ids
    repeated: Ids
    surplus: Ids

    @property
    def good(self) -> bool:
        return not self.lost and not self.doubled

    def explained(self) -> list[str]:
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


def reconcile(acknowledged: Ids | None, waiting: Ids, dead: Ids, rows: Counter[UUID]) -> Reconciled:
    """Without a ledger (None) nothing can be lost or surplus, only what is there compared."""
    there = rows.keys() | waiting | dead
    return Reconciled(
        lost=frozenset() if acknowledged is None else acknowledged - there,
        doubled={found for found, times in rows.items() if times > 1},
        recorded=rows.keys() - waiting - dead,
        waiting=waiting - rows.keys(),
        dead=dead - rows.keys() - waiting,
        repeated=rows.keys() & (waiting | dead),
        surplus=frozenset() if acknowledged is None else there - acknowledged,
    )


def waiting_ids(spool_dir: Path) -> set[UUID]:
    """Of all spools of this machine; a damaged one counts as holding nothing."""
    found: set[UUID] = set()
    for folder in spools_in(spool_dir):
        try:
            found |= ids_in(folder)
        except sqlite3.DatabaseError:
            continue
    return found


def damaged_spools(spool_dir: Path) -> list[Path]:
    return sorted(spool_dir.glob(f"*{DAMAGED}"))


def database_ids(engine: Engine, since: datetime | None = None) -> tuple[Counter[UUID], set[UUID]]:
    """Ids of rows with their number, and ids of dead letters, from interactions begun since."""
    first = first_id(since) if since else UUID(int=0)
    dead_key, key = dead_letters.c.interaction_id, interactions.c.interaction_id
    with engine.connect() as connection:
        dead = set(connection.scalars(select(dead_key).where(dead_key >= first)))
    # A transaction of its own, later: a dead letter that is replayed in between is seen twice.
    with engine.connect() as connection:
        rows = Counter(connection.scalars(select(key).where(key >= first)))
    return rows, dead


def first_id(moment: datetime) -> UUID:
    """The smallest version 7 id of that millisecond."""
    return UUID(int=int(moment.timestamp() * 1000) << 80)


def gather(
    engine: Engine, spool_dir: Path, ledger: Ids | None = None, since: datetime | None = None
) -> Reconciled:
    """The spools first: what is forwarded meanwhile is seen in both, and never in neither."""
    waiting = waiting_ids(spool_dir)
    rows, dead = database_ids(engine, since)
    if since is not None:
        first = first_id(since)
        waiting = {found for found in waiting if found >= first}
        ledger = None if ledger is None else {found for found in ledger if found >= first}
    return reconcile(ledger, waiting, dead, rows)
