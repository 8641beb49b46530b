"""The stub replica as a process of its own: it can be killed and frozen, and the load that a test
makes does not starve it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from gateway.cli.embedded import free_port
from tests.support.servers import Server, running, wait_until


class StubProcess(Server):
    def behave(self, **how: object) -> None:
        """Set attributes of its StubReplica."""
        httpx.post(f"{self.url}/behave", json=how).raise_for_status()

    def calls(self) -> int:
        """How many questions it was asked."""
        return int(httpx.get(f"{self.url}/calls").json())


@contextmanager
def stub_process(
    folder: Path, port: int | None = None, revision: str = "stub-1", host: str = "127.0.0.1"
) -> Iterator[StubProcess]:
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
        yield StubProcess(url, process, port)
