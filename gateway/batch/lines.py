"""The queue of lines in SQL. A worker leases lines. Who has the last lease of a line may write its
result, once, in the transaction that takes the line out of the queue."""

import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, and_, delete, insert, select, update

from gateway.batch.line import Line, LineBatch, Outcome
from gateway.log.schema.batch_tables import batch_lines, batch_results, batches
from gateway.log.schema.columns import MYSQL, utc_now

line, batch = batch_lines.c, batches.c


class LineQueue:
    """All methods block, and raise SQLAlchemyError."""

    def __init__(self, engine: Engine, lease_s: float) -> None:
        # READ COMMITTED locks the rows that are found, but not the gaps beside them, where others
        # insert theirs.
        mysql = engine.dialect.name in MYSQL
        self._engine = (
            engine.execution_options(isolation_level="READ COMMITTED") if mysql else engine
        )
        self._lease = timedelta(seconds=lease_s)

    def batches(self) -> tuple[list[LineBatch], int]:
        """Those whose lines may be asked now, the oldest first, and how many lines they have left,
        all together."""
        query = select(batches).where(batch.status == "in_progress", batch.expires_at > utc_now())
        with self._engine.connect() as connection:
            rows = connection.execute(query.order_by(batch.created_at)).all()
        left = sum(row.total - row.completed - row.failed for row in rows)
        return [
            LineBatch(row.batch_id, row.tenant, row.key_id, row.endpoint, row.input_file_id)
            for row in rows
        ], left

    def take(self, of: uuid.UUID, count: int) -> list[Line]:
        """Lease up to `count` lines of a batch, in their order. Lines that another worker is just
        looking at are passed over where the database can; where it cannot, the number of the lease
        decides who has a line."""
        with self._engine.begin() as connection:
            now = _now(connection)
            free = and_(line.batch_id == of, line.due_at <= now, line.leased_until <= now)
            query = select(batch_lines).where(free).order_by(line.place).limit(count)
            rows = connection.execute(query.with_for_update(skip_locked=True)).all()
            taken = []
            for row in rows:
                own = Line(
                    *(row.batch_id, row.place, row.number, row.custom_id),
                    *(row.position, row.length, row.fence + 1, row.tries + 1, row.user_pseudonym),
                )
                change = update(batch_lines).where(_key(own), line.fence == row.fence)
                values = {
                    "fence": own.fence,
                    "tries": own.tries,
                    "leased_until": now + self._lease,
                }
                if connection.execute(change.values(values)).rowcount:
                    taken.append(own)
            return taken

    def renew(self, held: Iterable[Line]) -> set[Line]:
        """Lengthen the leases. Returns those that are lost: they stay so."""
        lost = set()
        with self._engine.begin() as connection:
            until = _now(connection) + self._lease
            for own in held:
                change = update(batch_lines).where(_held(own))
                if not connection.execute(change.values(leased_until=until)).rowcount:
                    lost.add(own)
        return lost

    def put_back(self, own: Line, after_s: float, counts: bool) -> None:
        """End the lease without a result. The line is due again after `after_s`."""
        with self._engine.begin() as connection:
            now = _now(connection)
            values = {
                "due_at": now + timedelta(seconds=after_s),
                "leased_until": now - timedelta(seconds=1),
                "tries": own.tries if counts else own.tries - 1,
            }
            connection.execute(update(batch_lines).where(_held(own)).values(values))

    def finish(self, own: Line, outcome: Outcome, result: str) -> bool:
        """Write the line's one result. False where another has the line now, or it was erased: then
        nothing is written."""
        with self._engine.begin() as connection:
            if not connection.execute(delete(batch_lines).where(_held(own))).rowcount:
                return False
            row = {
                "batch_id": own.batch,
                "number": own.number,
                "custom_id": own.custom_id,
                "outcome": outcome,
                "result": result,
                "user_pseudonym": own.user_pseudonym,
            }
            connection.execute(insert(batch_results), row)
            counter = batch.completed if outcome == "completed" else batch.failed
            count = update(batches).where(batch.batch_id == own.batch)
            connection.execute(count.values({counter.name: counter + 1}))
            return True

    def put(self, of: uuid.UUID, fence: int, rows: Sequence[dict[str, Any]]) -> bool:
        """Add lines of a batch that is being checked, due at once. False where `fence` is no more
        the number of the batch's lease: then none are added."""
        with self._engine.begin() as connection:
            if not _holds(connection, of, fence):
                return False
            now = _now(connection)
            fresh = {"batch_id": of, "due_at": now, "leased_until": now, "fence": 0, "tries": 0}
            connection.execute(insert(batch_lines), [{**fresh, **row} for row in rows])
            return True

    def clear(self, of: uuid.UUID, fence: int) -> bool:
        """Take out what a worker has put in that died while it checked the file. False as above."""
        with self._engine.begin() as connection:
            if not _holds(connection, of, fence):
                return False
            connection.execute(delete(batch_lines).where(line.batch_id == of))
            return True


def end_leases(engine: Engine) -> None:
    """After a restore: whoever had lines and batches when the backup was made has them no longer.
    Raising the number of each lease keeps out who still works on one. Tries are counted anew: those
    of before say nothing of the time since. Blocks; raises SQLAlchemyError."""
    with engine.begin() as connection:
        ended = {"leased_until": _now(connection) - timedelta(seconds=1)}
        freed = {**ended, "fence": line.fence + 1, "tries": 0}
        connection.execute(update(batch_lines).values(freed))
        connection.execute(update(batches).values({**ended, "fence": batch.fence + 1}))


def _now(connection: Connection) -> datetime:
    """By the database's clock, which all workers share."""
    now: datetime | None = connection.scalar(select(utc_now()))
    assert now is not None
    return now


def _holds(connection: Connection, of: uuid.UUID, fence: int) -> bool:
    """Whether that is the batch's last lease, and stays so until the transaction ends. It is
    written, not read, since SQLite locks nothing for who reads."""
    same = update(batches).where(batch.batch_id == of, batch.fence == fence).values(fence=fence)
    return bool(connection.execute(same).rowcount)


def _key(own: Line) -> ColumnElement[bool]:
    return and_(line.batch_id == own.batch, line.place == own.place)


def _held(own: Line) -> ColumnElement[bool]:
    return and_(_key(own), line.fence == own.fence)
