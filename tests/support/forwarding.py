"""A forwarder of its own on a spool of its own, for tests that ask no gateway."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import Engine, select

from gateway.config import Settings
from gateway.log.outbox.forwarder import Forwarder
from gateway.log.outbox.metrics import OutboxMetrics
from gateway.log.outbox.process.child import NAME
from gateway.log.outbox.spool import MAX_GROUP
from gateway.log.outbox.spool_folder import SpoolFolder
from gateway.log.schema.database import open_database
from gateway.log.schema.tables import interactions
from tests.support.events import ids_of
from tests.support.migrating import migrate
from tests.support.servers import wait_until


class Running:
    """A forwarder at work on a spool of its own."""

    def __init__(self, database_url: str, folder: Path, own: bool = True) -> None:
        settings = Settings(_env_file=None, database_url=database_url)  # type: ignore[call-arg]
        self.registry = CollectorRegistry()
        self.engine = open_database(settings, answer_timeout_s=10)
        spools = SpoolFolder(folder, "process")
        folder.mkdir(exist_ok=True)
        self.spool = spools.create_spool() if own else None
        metrics = OutboxMetrics(self.registry)
        self.forwarder = Forwarder(settings, spools, self.spool, self.engine, metrics)
        self.forwarder.start()

    def append(self, *events: str) -> None:
        assert self.spool is not None
        self.spool.append(events)

    def count(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(f"gateway_log_{name}_total", labels) or 0

    def close(self) -> None:
        self.forwarder.stop(0)
        self.engine.dispose()


def ids(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        key = interactions.c.interaction_id
        return [str(found) for found in connection.scalars(select(key).order_by(key))]


def wait_for(engine: Engine, events: list[str], timeout_s: float = 10) -> None:
    wait_until("rows", lambda: set(ids(engine)) >= set(ids_of(events)), timeout_s)


def abandoned(folder: Path, events: list[str]) -> Path:
    """A spool whose owner was killed."""
    spool = SpoolFolder(folder, "process").create_spool()
    for begin in range(0, len(events), MAX_GROUP):
        spool.append(events[begin : begin + MAX_GROUP])
    spool.release()
    return spool.folder


Start = Callable[..., Running]


@pytest.fixture
def migrated(database_url: str) -> str:
    migrate(database_url)
    return database_url


@pytest.fixture
def start(migrated: str, tmp_path: Path) -> Iterator[Start]:
    with ExitStack() as stack:

        def run(**options: Any) -> Running:
            running = Running(migrated, tmp_path / "spool", **options)
            stack.callback(running.close)
            return running

        yield run


def forwarder_of(gateway: int) -> int | None:
    """The process that forwards a gateway's events, by the gateway's."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has just ended
            head, _, rest = stat.read_text().rpartition(") ")
            name, state, parent = head.partition("(")[2], *rest.split()[:2]
            if (name, int(parent)) == (NAME, gateway) and state != "Z":
                return int(stat.parent.name)
    return None


def has_ended(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].startswith("Z")
    except OSError:
        return True
