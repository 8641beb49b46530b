"""Two revisions, and gateways before them that give all callers to the old one."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine

from gateway.cli.embedded import free_port
from tests.support.migrating import migrate
from tests.support.servers import Server, gateway_process
from tests.support.stub_replica import StubReplica, stub_replica

Start = Callable[..., Server]


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """An empty log, for what needs no gateway."""
    url = f"sqlite:///{tmp_path / 'log.db'}"
    migrate(url)
    made = create_engine(url)
    yield made
    made.dispose()


@pytest.fixture
def old() -> Iterator[StubReplica]:
    with stub_replica("old") as replica:
        replica.opening = "old"
        yield replica


@pytest.fixture
def new() -> Iterator[StubReplica]:
    with stub_replica("new") as replica:
        replica.opening = "new"
        yield replica


@pytest.fixture
def start(tmp_path: Path, old: StubReplica, new: StubReplica) -> Iterator[Start]:
    with ExitStack() as stack:

        def begin(**settings: str) -> Server:
            folder = tmp_path / str(free_port())
            folder.mkdir()
            env = {
                "REPLICAS": f"{old.url},{new.url}",
                "PROBE_INTERVAL_S": "0.1",
                "REVISION_WEIGHTS": "old=1",
                "EJECT_FAILURES": "1000",
                "SESSION_SECRET": "the same everywhere",
                **settings,
            }
            return stack.enter_context(gateway_process(folder, **env))

        yield begin
