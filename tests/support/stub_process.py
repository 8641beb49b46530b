"""The stub replica as a process of its own: it can be killed and frozen."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from gateway.cli.embedded import free_port
from tests.support.servers import Server, running, wait_until


@contextmanager
def stub_process(
    folder: Path, port: int | None = None, revision: str = "stub-1", host: str = "127.0.0.1"
) -> Iterator[Server]:
    port = port or free_port()
    command = [sys.executable, "-m", "tests.support.stub_replica", str(port), revision, host]
    url = f"http://{host}:{port}"
    log = folder / f"stub-{host}-{port}.log"
    with running(command, log) as process:

        def up() -> bool:
            assert process.poll() is None, log.read_text()
            try:
                return httpx.get(f"{url}/readyz").status_code == 200
            except httpx.TransportError:
                return False

        wait_until("stub", up)
        yield Server(url, process, port)
