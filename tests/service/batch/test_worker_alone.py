"""A worker without a gateway around it: that it keeps its leases, and gives back what it has."""

import asyncio
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import Engine, select
from sqlalchemy.exc import OperationalError

from gateway.batch.jobs import BatchJobs
from gateway.batch.line import Answer, Line, Outcome
from gateway.batch.lines import LineQueue
from gateway.batch.metrics import BatchMetrics
from gateway.batch.retention import Retention
from gateway.batch.settings import BatchSettings
from gateway.batch.worker import BatchWorker
from gateway.log.schema.batch_tables import batches
from tests.support.batches import KEY, fill
from tests.support.migrating import migrate

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
# A try to lease them again comes too late for a test.
LEASE_S = 600.0


@pytest.fixture(autouse=True)
def tables(database_url: str) -> None:
    migrate(database_url)


class Idle(BatchJobs, Retention):
    """No batch is to be checked or written, and nothing is old."""

    def __init__(self) -> None:
        pass

    def claim(self) -> None:
        return None

    def sweep(self) -> None:
        return None


def made(
    queue: LineQueue, ask: Callable[..., Any], folder: Path, lease_s: float = LEASE_S
) -> BatchWorker:
    settings = BatchSettings(file_dir=folder, batch_poll_s=0.01, batch_lease_s=lease_s)
    path = folder / KEY.hex[-2:] / KEY.hex
    path.parent.mkdir()
    path.write_bytes(b'{"body":1}' * 10)
    metrics, idle = BatchMetrics(CollectorRegistry()), Idle()
    return BatchWorker(settings, idle, queue, ask, ask, lambda: True, idle, metrics)


async def never(*_: Any) -> Answer:
    await asyncio.Event().wait()
    raise AssertionError


class Failing(LineQueue):
    """Once, with an error that is none of SQLAlchemy's, as PyMySQL's are at times."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine, LEASE_S)
        self._renewals = 0
        self.goes_on = threading.Event()

    def renew(self, held: Iterable[Line]) -> set[Line]:
        self._renewals += 1
        if self._renewals == 1:
            raise AttributeError("'NoneType' object has no attribute 'read'")
        self.goes_on.set()
        return super().renew(held)


async def test_leases_are_renewed_after_any_error(engine: Engine, tmp_path: Path) -> None:
    fill(engine, 1)
    queue = Failing(engine)
    worker = made(queue, never, tmp_path, lease_s=0.03)
    worker.start()
    assert await asyncio.to_thread(queue.goes_on.wait, 10)
    await worker.close()


class Slow(LineQueue):
    """Says when a call of the given name has begun, and ends it when it may."""

    def __init__(self, engine: Engine, call: str) -> None:
        super().__init__(engine, LEASE_S)
        self.begun, self.may_end = threading.Event(), threading.Event()
        own = getattr(self, call)

        def slowly(*arguments: Any, **named: Any) -> Any:
            self.begun.set()
            self.may_end.wait(10)
            return own(*arguments, **named)

        setattr(self, call, slowly)


async def stopped_in(call: str, engine: Engine, ask: Callable[..., Any], folder: Path) -> list[int]:
    """Lines of two that may be taken at once from a worker that was stopped in the middle of a call
    of its queue, and their tries."""
    fill(engine, 2)
    queue = Slow(engine, call)
    worker = made(queue, ask, folder)
    worker.start()
    assert await asyncio.to_thread(queue.begun.wait, 10)
    closing = asyncio.create_task(worker.close())
    await asyncio.sleep(0)
    queue.may_end.set()
    await closing
    return [line.tries for line in LineQueue(engine, LEASE_S).take(KEY, 10)]


async def test_lines_that_it_was_just_taking_are_given_back(engine: Engine, tmp_path: Path) -> None:
    assert await stopped_in("take", engine, never, tmp_path) == [1, 1]


async def test_a_database_that_hangs_holds_up_no_end(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.batch.worker.LAST_ROUND_S", 0.1)
    asked = asyncio.Event()

    async def ask(*_: Any) -> Answer:
        asked.set()
        return await never()

    fill(engine, 1)
    queue = Slow(engine, "put_back")
    worker = made(queue, ask, tmp_path)
    worker.start()
    await asked.wait()
    await worker.close()
    assert queue.begun.is_set()
    assert LineQueue(engine, LEASE_S).take(KEY, 10) == [], "it hangs still"
    queue.may_end.set()


class Away(LineQueue):
    """A database that does not take the first result."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine, LEASE_S)
        self.refused = threading.Event()

    def finish(self, own: Line, outcome: Outcome, result: str) -> bool:
        if not self.refused.is_set():
            self.refused.set()
            raise OperationalError("", {}, Exception("away"))
        return super().finish(own, outcome, result)


async def test_an_answer_that_waits_for_the_database_is_written_at_last(
    engine: Engine, tmp_path: Path
) -> None:
    async def answer(*_: Any) -> Answer:
        return Answer(200, "r", {})

    fill(engine, 1)
    queue = Away(engine)
    worker = made(queue, answer, tmp_path)
    worker.start()
    assert await asyncio.to_thread(queue.refused.wait, 10)
    await worker.close()
    with engine.connect() as connection:
        assert connection.scalar(select(batches.c.completed)) == 1
