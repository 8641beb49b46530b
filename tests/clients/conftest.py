"""A gateway before a stub of a replica, and clients that are programs of their own."""

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine

from tests.clients.cells import CLIENTS, PROGRAMS, UNSUPPORTED
from tests.support.asking import photo
from tests.support.servers import gateway_server
from tests.support.stub_replica import StubReplica, stub_replica


@pytest.fixture
def stub() -> Iterator[StubReplica]:
    with stub_replica() as replica:
        yield replica


@pytest.fixture
def run(stub: StubReplica, tmp_path: Path) -> Iterator[Callable[[tuple[str, str]], Any]]:
    """Runs a client's program for one feature: what it tells as JSON, None where it has none."""
    photos = [tmp_path / "one.jpg", tmp_path / "two.jpg"]
    for number, path in enumerate(photos, 1):
        path.write_bytes(photo(number))
    with gateway_server(tmp_path, replicas=stub.url, image_dir=tmp_path / "images") as url:

        def run(cell: tuple[str, str]) -> Any:
            client, feature = cell
            if feature == "schema":
                stub.opening, stub.answer = "", '{"kind": "bag"}'
            command, _ = CLIENTS[client]
            told = subprocess.run(
                [*command, url, feature, *map(str, photos)],
                cwd=PROGRAMS,
                capture_output=True,
                text=True,
                timeout=100,
            )
            if told.returncode == UNSUPPORTED:
                return None
            assert told.returncode == 0, told.stdout + told.stderr
            return json.loads(told.stdout.strip().splitlines()[-1])

        yield run


@pytest.fixture
def log(run: object, tmp_path: Path) -> Iterator[Engine]:
    engine = create_engine(f"sqlite:///{tmp_path / 'log.db'}")
    yield engine
    engine.dispose()
