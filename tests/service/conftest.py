"""Servers that the service tests share."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import redis
from sqlalchemy import Engine, create_engine, text

from contract.sandbox import spawning
from tests.support import fork_server
from tests.support.forwarding import migrated as migrated
from tests.support.forwarding import start as start
from tests.support.servers import gateway_server, mariadb_server, redis_server
from tests.support.stub_replica import StubReplica, stub_replica
from tests.support.swift_server import ObjectStore, swift_server


@pytest.fixture(scope="session", autouse=True)
def _shared_by_gateways() -> Iterator[None]:
    """What each gateway of these tests would make anew, though it is the same: helpers are forked
    from a process that has their imports."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spawning, "launch", fork_server.launch_helpers)
        yield


@pytest.fixture(scope="session")
def redis_running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with redis_server(tmp_path_factory.mktemp("redis")) as server:
        yield server.url


@pytest.fixture
def redis_url(redis_running: str) -> str:
    """An empty one for each test."""
    with redis.Redis.from_url(redis_running) as client:
        client.flushall()
    return redis_running


@pytest.fixture(scope="session")
def mariadb_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with mariadb_server(tmp_path_factory.mktemp("mariadb")) as server:
        yield server.url


@pytest.fixture(scope="session")
def object_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    """Tests share it, each with a prefix of its own."""
    with swift_server(tmp_path_factory.mktemp("swift")) as store:
        yield store


@pytest.fixture
def stub() -> Iterator[StubReplica]:
    with stub_replica() as replica:
        yield replica


@pytest.fixture
def start_gateway(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Starts gateways with the given settings, answers their URLs; all end with the test."""
    if "database_url" in request.fixturenames:  # else it is dropped before they end, and they wait
        request.getfixturevalue("database_url")
    with ExitStack() as stack:

        def start(**settings: Any) -> str:
            return stack.enter_context(gateway_server(tmp_path, **settings))

        yield start


@pytest.fixture(params=["sqlite", "mariadb"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database of each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'log.db'}"
        return
    server = request.getfixturevalue("mariadb_url")
    name = f"test_{tmp_path.name}"[:60].replace("-", "_")
    engine = create_engine(server)
    with engine.begin() as connection:
        connection.execute(text(f"CREATE DATABASE `{name}` CHARACTER SET utf8mb4"))
    yield server.replace("/shopsight", f"/{name}")
    with engine.begin() as connection:
        connection.execute(text(f"DROP DATABASE `{name}`"))
    engine.dispose()


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    made = create_engine(database_url)
    yield made
    made.dispose()
