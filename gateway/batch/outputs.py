"""The end of a batch: what came of its lines becomes two files, those that were answered and those
that were not. May be done again at any moment until the batch has ended."""

import os
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Row, and_, delete, exists, insert, select, update

from gateway.batch.batch import batch_id
from gateway.batch.file import OUTPUT, StoredFile, path_of
from gateway.batch.files import HALF, Files
from gateway.batch.line import Outcome, not_asked
from gateway.log.schema.batch_tables import batch_lines, batch_results, batches, files

# Lines of one transaction, and of one read.
CHUNK = 500
# What a batch that has ended is called, by what the last of its lines were.
ENDED_AT = {"completed": "completed_at", "expired": "expired_at", "cancelled": "cancelled_at"}

batch, line, result = batches.c, batch_lines.c, batch_results.c


class Outputs:
    """Blocks, and raises SQLAlchemyError and OSError."""

    def __init__(self, engine: Engine, store: Files) -> None:
        self._engine = engine
        self._store = store

    def write(self, of: uuid.UUID, tenant: str, fence: int, ttl: timedelta) -> None:
        """`fence`: who has a later lease of the batch than that has taken this over, and then
        nothing of it counts."""
        while self._close_some(of, fence):
            pass
        folder = self._store.folder
        folder.mkdir(parents=True, exist_ok=True)
        halves = {which: folder / f"{uuid.uuid4().hex}{HALF}" for which in ("output", "error")}
        try:
            for which, half in halves.items():
                self._write(half, of, which)
            self._put_in_place(halves, of, tenant, fence, ttl)
        finally:
            for half in halves.values():
                half.unlink(missing_ok=True)

    def _put_in_place(
        self, halves: Mapping[str, Path], of: uuid.UUID, tenant: str, fence: int, ttl: timedelta
    ) -> None:
        """Only who holds the lease yet: a later one may have put its own files there, and an
        erasure ends the lease because what was read before has the person in it."""
        held = and_(batch.batch_id == of, batch.fence == fence)
        keys, now = output_keys(of), datetime.now(UTC)
        sizes = {which: half.stat().st_size for which, half in halves.items()}
        with self._engine.begin() as connection:
            row = connection.execute(select(batches).where(held).with_for_update()).first()
            if row is None:
                return
            status = _end_of(connection, row)
            values: dict[str, Any] = {"status": status, ENDED_AT[status]: now}
            values |= {f"{which}_file_id": keys[which] if sizes[which] else None for which in keys}
            # SQLite locks nothing for who reads: there the lease may be lost until here.
            if not connection.execute(update(batches).where(held).values(values)).rowcount:
                return
            clear = update(batch_results).where(result.batch_id == of)
            connection.execute(clear.values(result=None))
            for which, key in keys.items():
                connection.execute(delete(files).where(files.c.file_id == key))
                path = path_of(self._store.folder, key)
                if not sizes[which]:
                    path.unlink(missing_ok=True)
                    continue
                name = f"{batch_id(of)}_{which}.jsonl"
                file = StoredFile(key, tenant, OUTPUT, name, sizes[which], now, now + ttl)
                connection.execute(insert(files), file.row())
                path.parent.mkdir(parents=True, exist_ok=True)
                halves[which].replace(path)

    def _close_some(self, of: uuid.UUID, fence: int) -> bool:
        """Take lines that were not asked out of the queue: from then on no worker can finish them.
        False once there are none."""
        held = and_(batch.batch_id == of, batch.fence == fence)
        with self._engine.begin() as connection:
            row = connection.execute(select(batches).where(held).with_for_update()).first()
            if row is None:
                return False
            if row.status == "in_progress":
                values = {"status": "finalizing", "finalizing_at": datetime.now(UTC)}
                connection.execute(update(batches).where(held).values(values))
            why: Outcome = "cancelled" if row.status == "cancelling" else "expired"
            query = select(batch_lines).where(line.batch_id == of).limit(CHUNK)
            rows = connection.execute(query.with_for_update()).all()
            if not rows:
                return False
            places = [each.place for each in rows]
            which = and_(line.batch_id == of, line.place.in_(places))
            connection.execute(delete(batch_lines).where(which))
            connection.execute(insert(batch_results), [_unasked(of, each, why) for each in rows])
            return True

    def _write(self, half: Path, of: uuid.UUID, which: str) -> None:
        with half.open("wb") as file:
            for text in self._results(of, which):
                file.write(text.encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def _results(self, of: uuid.UUID, which: str) -> Iterator[str]:
        completed = result.outcome == "completed"
        wanted = and_(
            result.batch_id == of,
            result.result.is_not(None),
            completed if which == "output" else ~completed,
        )
        last = -1
        while True:
            query = select(result.number, result.result).where(wanted, result.number > last)
            with self._engine.connect() as connection:
                rows = connection.execute(query.order_by(result.number).limit(CHUNK)).all()
            yield from (row.result for row in rows)
            if len(rows) < CHUNK:
                return
            last = rows[-1].number


def _end_of(connection: Connection, row: Row[Any]) -> str:
    if row.status == "cancelling":
        return "cancelled"
    is_expired = and_(result.batch_id == row.batch_id, result.outcome == "expired")
    return "expired" if connection.scalar(select(exists().where(is_expired))) else "completed"


def _unasked(of: uuid.UUID, row: Row[Any], why: Outcome) -> dict[str, Any]:
    return {
        "batch_id": of,
        "number": row.number,
        "custom_id": row.custom_id,
        "outcome": why,
        "result": not_asked(of, row.number, row.custom_id, why),
        "user_pseudonym": row.user_pseudonym,
    }


def output_keys(of: uuid.UUID) -> dict[str, uuid.UUID]:
    """Of the files of a batch: whoever writes them again, writes the same. They sort by the batch's
    time, as ids of all files do by theirs."""
    return {"output": uuid.UUID(int=of.int ^ 1), "error": uuid.UUID(int=of.int ^ 2)}
