"""A worker without a gateway around it: that it keeps its leases, and gives back what it has."""

import asyncio
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import Engine, select

from gateway.batch.jobs import BatchJobs
from gateway.batch.line import Answer, Line
from gateway.batch.lines import LineQueue
from gateway.batch.metrics import BatchMetrics
from gateway.batch.retention import Retention
from gateway.batch.settings import BatchSettings
from gateway.batch.worker import BatchWorker
from gateway.log.schema.batch_tables import batch_lines
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


def left(engine: Engine) -> list[Any]:
    """Of lines: how often they were tried, and whether they may be taken now."""
    taken = len(LineQueue(engine, LEASE_S).take(KEY, 10))
    with engine.connect() as connection:
        return [taken, *connection.scalars(select(batch_lines.c.tries))]


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
