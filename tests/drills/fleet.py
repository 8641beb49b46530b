"""The processes of a drill: MariaDB, a stub replica, gateways that share one folder of spools. Each
can be killed and started again where it was."""

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Self

import httpx
from sqlalchemy import Engine, create_engine

from gateway.cli.embedded import free_port
from gateway.log.outbox.reconcile import spooled_ids
from gateway.log.outbox.spool_folder import spools_in
from tests.support.limits import ROOMY
from tests.support.migrating import migrate
from tests.support.servers import Server, mariadb_server, running, wait_until
from tests.support.stub_process import StubProcess, stub_process

# An event younger than this is on its way; the forwarder looks every 0.1 s.
CAUGHT_UP_S = 0.5


class Process:
    """A server of a drill. `stack` ends it with the drill, however that ends."""

    def __init__(self, command: list[str], log: Path, ready: str, **environment: str) -> None:
        self._command, self._log, self._ready = command, log, ready
        self._environment = environment
        self._stack = ExitStack()
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        self.process = self._stack.enter_context(
            running(self._command, self._log, **self._environment)
        )
        return self

    @property
    def is_ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self._log.read_text()[-3000:]
        try:
            return httpx.get(self._ready, trust_env=False).status_code == 200
        except httpx.TransportError:
            return False

    def kill(self) -> None:
        """kill -9, and gone when this returns."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def close(self) -> None:
        self._stack.close()


class Gateway(Process):
    def __init__(self, fleet: "Fleet", number: int, module: str, **environment: str) -> None:
        self.port, self.internal_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        super().__init__(
            [sys.executable, "-m", module],
            fleet.folder / f"gateway-{number}.log",
            f"{self.url}/readyz",
            GATEWAY_PORT=str(self.port),
            INTERNAL_PORT=str(self.internal_port),
            ADMIN_PORT=str(free_port()),
            **{**fleet.environment, **environment},
        )

    def metric(self, name: str) -> float:
        """The sum over its labels, as Prometheus would scrape it; 0 while it has none."""
        scraped = httpx.get(f"http://127.0.0.1:{self.internal_port}/metrics", trust_env=False).text
        lines = (line for line in scraped.splitlines() if line.startswith(name))
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines)


class Database:
    """MariaDB that can go away and come back with the same data at the same address."""

    def __init__(self, folder: Path) -> None:
        self._folder, self.port = folder, free_port()
        self._stack = ExitStack()
        self.server: Server
        self.start()
        migrate(self.server.url)
        self.engine: Engine = create_engine(self.server.url, pool_pre_ping=True)

    def start(self) -> None:
        self.server = self._stack.enter_context(
            mariadb_server(self._folder, self.port, durable=True)
        )

    def url_at(self, port: int) -> str:
        """As it is reached through a proxy."""
        return self.server.url.replace(f":{self.port}/", f":{port}/")

    def stop(self) -> None:
        self._stack.close()

    def kill(self) -> None:
        self.server.process.send_signal(signal.SIGKILL)
        self.server.process.wait()
        self._stack.close()

    def close(self) -> None:
        self.engine.dispose()
        self._stack.close()


class Fleet:
    def __init__(self, folder: Path, database: Database, stub: StubProcess) -> None:
        self.folder, self.database, self.stub = folder, database, stub
        self.spool_dir = folder / "spool"
        self.environment = {
            "DATABASE_URL": database.server.url,
            "SPOOL_DIR": str(self.spool_dir),
            "REPLICAS": stub.url,
            **ROOMY,
            "PHOTO_CHECKS": "",  # of which each gateway would have a process
            "REDIS_URL": "",
            "WEB_DIR": "",
            "LOG_LEVEL": "WARNING",
        }
        self.gateways: list[Gateway] = []
        self.others: list[Process] = []

    @property
    def command_environment(self) -> dict[str, str]:
        """For `shopsight` commands on the same log."""
        return {**os.environ, **self.environment}

    def add_gateway(self, module: str = "gateway", **environment: str) -> Gateway:
        gateway = Gateway(self, len(self.gateways), module, **environment).start()
        self.gateways.append(gateway)
        return gateway

    def add_worker(self, only: str = "upkeep") -> Process:
        port = free_port()
        worker = Process(
            [sys.executable, "-m", "gateway.cli", "worker", "--only", only],
            self.folder / f"{only}.log",
            f"http://127.0.0.1:{port}/metrics",
            INTERNAL_PORT=str(port),
            **self.environment,
        ).start()
        self.others.append(worker)
        wait_until("worker", lambda: worker.is_ready)
        return worker

    def oldest_wait_s(self) -> float:
        """For how long the oldest event has been waiting in a spool."""
        oldest = now = time.time()
        for folder in spools_in(self.spool_dir):
            with contextlib.suppress(sqlite3.OperationalError):  # just made, or just removed
                file = sqlite3.connect(f"file:{folder / 'events.db'}?mode=ro", uri=True)
                with contextlib.closing(file):
                    (at,) = file.execute("SELECT MIN(at) FROM events").fetchone()
                oldest = min(oldest, at or now)
        return now - oldest

    def caught_up_after(self, timeout_s: float = 120) -> float:
        """Wait until nothing older than new events waits, under load; answers the seconds."""
        begun = time.monotonic()
        wait_until("caught up", lambda: self.oldest_wait_s() < CAUGHT_UP_S, timeout_s)
        return time.monotonic() - begun

    def waiting(self) -> int:
        return len(spooled_ids(self.spool_dir))

    def drained_after(self, timeout_s: float = 120) -> float:
        """Wait until no spool holds anything; answers the seconds."""
        begun = time.monotonic()
        wait_until("drained", lambda: self.waiting() == 0, timeout_s)
        return time.monotonic() - begun

    def close(self) -> None:
        for server in (*self.gateways, *self.others):
            server.close()


@contextmanager
def fleet(
    gateways: int = 2,
    module: str = "gateway",
    kept_in: type[Database] = Database,
    **environment: str,
) -> Iterator[Fleet]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="shopsight-drill-")))
        database = kept_in(folder)
        stack.callback(database.close)
        stub = stack.enter_context(stub_process(folder))
        made = Fleet(folder, database, stub)
        stack.callback(made.close)
        for _ in range(gateways):
            made.add_gateway(module, **environment)
        for gateway in made.gateways:
            wait_until("gateway", lambda gateway=gateway: gateway.is_ready)  # type: ignore[misc]
        yield made
