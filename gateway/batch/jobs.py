"""What is done to a batch as a whole: its file is checked, and at its end what came of its lines is
written. A lease says who does it; what was begun by who lost the lease is done again."""

import json
import logging
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Engine,
    and_,
    exists,
    func,
    or_,
    select,
    update,
)

from gateway.batch.check import CheckedLine, LineError, UnusableFileError, check_file
from gateway.batch.file import path_of
from gateway.batch.files import Files
from gateway.batch.lines import LineQueue
from gateway.batch.outputs import Outputs
from gateway.identity.pseudonyms import Pseudonyms
from gateway.log.schema.batch_tables import batch_lines, batches
from gateway.log.schema.columns import MYSQL, utc_now

log = logging.getLogger(__name__)

# Lines of one transaction.
CHUNK = 1_000
# Lines that are under way when their batch is cancelled or expires may still be answered for so
# long: an answer takes seconds, but who waits behind shoppers may wait for an hour.
PATIENCE = timedelta(minutes=2)

batch, line = batches.c, batch_lines.c


@dataclass(frozen=True)
class Job:
    """A batch that this worker has leased. `fence`: the number of the lease."""

    key: uuid.UUID
    tenant: str
    endpoint: str
    status: str
    input_file: uuid.UUID
    output_ttl: timedelta
    fence: int


class BatchJobs:
    """All methods block, and raise SQLAlchemyError and OSError."""

    def __init__(
        self,
        engine: Engine,
        store: Files,
        queue: LineQueue,
        pseudonyms: Pseudonyms,
        lease_s: float,
    ) -> None:
        mysql = engine.dialect.name in MYSQL
        self._engine = (
            engine.execution_options(isolation_level="READ COMMITTED") if mysql else engine
        )
        self._store = store
        self._queue = queue
        self._pseudonyms = pseudonyms
        self._outputs = Outputs(self._engine, store)
        self._lease = timedelta(seconds=lease_s)

    def claim(self) -> Job | None:
        """Lease the oldest batch that waits for something to be done to it as a whole. Those with
        lines under way are passed over: their lines may take PATIENCE."""
        with self._engine.begin() as connection:
            now = connection.scalar(select(utc_now()))
            assert now is not None
            free = and_(batch.leased_until <= now, ~_has_lines_under_way(now))
            query = select(batches).where(_waits(now), free)
            query = query.order_by(batch.created_at).limit(1)
            row = connection.execute(query.with_for_update(skip_locked=True)).first()
            if row is None:
                return None
            change = update(batches).where(batch.batch_id == row.batch_id, batch.fence == row.fence)
            values = {"fence": row.fence + 1, "leased_until": now + self._lease}
            if not connection.execute(change.values(values)).rowcount:
                return None
        whose = row.batch_id, row.tenant, row.endpoint, row.status, row.input_file_id
        return Job(*whose, timedelta(seconds=row.output_ttl_s), row.fence + 1)

    def renew(self, job: Job) -> None:
        with self._engine.begin() as connection:
            now = connection.scalar(select(utc_now()))
            assert now is not None
            values = {"leased_until": now + self._lease}
            connection.execute(update(batches).where(_held(job)).values(values))

    def do(self, job: Job) -> None:
        if job.status == "validating":
            self._check(job)
        else:
            self._outputs.write(job.key, job.tenant, job.fence, job.output_ttl)

    def _check(self, job: Job) -> None:
        """The batch goes on, or has failed. A batch that was cancelled meanwhile stays so. Who has
        lost the lease stops: whoever has it now puts lines in."""
        if not self._queue.clear(job.key, job.fence):
            return
        try:
            lines = self._checked(job)
        except UnusableFileError as error:
            self._fail(job, error.errors)
            return
        for begin in range(0, len(lines), CHUNK):
            chunk = enumerate(lines[begin : begin + CHUNK], begin)
            rows = [_row_of(place, checked) for place, checked in chunk]
            if not self._queue.put(job.key, job.fence, rows):
                return
        now = datetime.now(UTC)
        self._leave(job, status="in_progress", in_progress_at=now, total=len(lines))

    def _checked(self, job: Job) -> list[CheckedLine]:
        def name(user: str) -> str:
            return self._pseudonyms.of(job.tenant, user)

        try:
            return check_file(path_of(self._store.folder, job.input_file), job.endpoint, name)
        except FileNotFoundError:
            told = LineError("file_not_found", "The file was deleted.")
            raise UnusableFileError([told]) from None

    def _fail(self, job: Job, errors: Sequence[LineError]) -> None:
        told = json.dumps([asdict(error) for error in errors])
        self._leave(job, status="failed", failed_at=datetime.now(UTC), errors=told)

    def _leave(self, job: Job, **values: Any) -> None:
        """End the lease with the batch in another state, unless the lease is lost, or the batch was
        cancelled."""
        is_still = and_(_held(job), batch.status == "validating")
        with self._engine.begin() as connection:
            change = update(batches).where(is_still)
            connection.execute(change.values(leased_until=batch.created_at, **values))


def _waits(now: datetime) -> ColumnElement[bool]:
    done = or_(batch.completed + batch.failed >= batch.total, batch.expires_at <= now)
    return or_(
        batch.status.in_(("validating", "cancelling", "finalizing")),
        and_(batch.status == "in_progress", done),
    )


def _has_lines_under_way(now: datetime) -> ColumnElement[bool]:
    """And may still wait for them. Of a batch that is being checked none can be."""
    since = func.coalesce(batch.cancelling_at, batch.expires_at)
    leased = exists().where(line.batch_id == batch.batch_id, line.leased_until > now)
    return and_(batch.status != "validating", since >= now - PATIENCE, leased)


def _held(job: Job) -> ColumnElement[bool]:
    return and_(batch.batch_id == job.key, batch.fence == job.fence)


def _row_of(place: int, checked: CheckedLine) -> dict[str, Any]:
    return {
        "place": place,
        "number": checked.number,
        "custom_id": checked.custom_id,
        "position": checked.position,
        "length": checked.length,
        "user_pseudonym": checked.user_pseudonym,
    }
