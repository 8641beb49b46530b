"""Real servers on free ports, each a context manager that ends what it started."""

import asyncio
import atexit
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pymysql
import redis
import uvicorn
from prometheus_client import CollectorRegistry
from starlette.types import ASGIApp

from gateway.api.server import ClientConnection
from gateway.app import create_app
from gateway.cli.embedded import free_port
from gateway.config import Settings
from gateway.log.outbox.spool_folder import ids_in, spools_in
from tests.support import ROOT, fork_server
from tests.support.fork_server import Forked
from tests.support.limits import ROOMY
from tests.support.migrating import migrate
from tests.support.missing import missing

# Where the gateways of each database keep what is on its way there.
SPOOLS: dict[str, Path] = {}
# How often a thread of a test looks whether it may end.
PROMPTLY_S = 0.01


def program(*names: str) -> str:
    """Path of the first of these programs; without one the test is skipped, and fails in CI."""
    path = f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin"
    found = filter(None, (shutil.which(name, path=path) for name in names))
    return next(found, None) or missing(
        f"{names[0]} is not installed: run tests/install-servers as root"
    )


def wait_until(what: str, holds: Callable[[], bool], timeout_s: float = 30) -> None:
    """Looks more and more seldom, for a look may be a command that costs a busy machine.

    Raises TimeoutError."""
    deadline = time.monotonic() + timeout_s
    pause = PROMPTLY_S
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {timeout_s:.0f} s")
        time.sleep(pause)
        pause = min(1.5 * pause, timeout_s / 600)


def forwarded(database_url: str) -> bool:
    """Whether the spools before this database are empty."""
    spools = spools_in(SPOOLS[database_url]) if database_url in SPOOLS else []
    return not any(ids_in(spool) for spool in spools)


# For Redis, so that on a busy machine no answer of it is missed: tests of that give their own.
PATIENT_MS = 10_000

Process = subprocess.Popen[bytes] | Forked


@contextmanager
def running(command: list[str], log: Path, **environment: str) -> Iterator[Process]:
    """A process of this command, or what a module of ours is when it is run, which is forked."""
    env = {**os.environ, **environment}
    process: Process
    with log.open("ab") as output:
        if command[:2] == [sys.executable, "-m"] and fork_server.wanted:
            file = output.fileno()
            process = fork_server.start(*command[2:], env=env, stdout=file, stderr=file)
        else:
            process = subprocess.Popen(
                command, cwd=ROOT, env=env, stdout=output, stderr=subprocess.STDOUT
            )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@dataclass
class Server:
    """A server and its process; `url` is how a client names it, `port` the one not in the URL, of a
    gateway the one of its metrics. `admin` is where it is administered."""

    url: str
    process: Process
    port: int = 0
    admin: str = ""


@contextmanager
def redis_server(
    folder: Path, port: int | None = None, options: tuple[str, ...] = ()
) -> Iterator[Server]:
    port = port or free_port()
    command = [program("redis-server"), "--port", str(port), "--save", "", "--dir", str(folder)]
    command += options
    with running(command, folder / "redis.log") as process:
        client = redis.Redis(port=port)

        def up() -> bool:
            try:
                return bool(client.ping())
            except redis.RedisError:
                return False

        wait_until("redis", up)
        client.close()
        yield Server(f"redis://127.0.0.1:{port}/0", process, port)


# What a killed server has written is in the page cache, and no test cuts the power. A table is made
# in 12 ms instead of 46, a server started in 0.6 s instead of 7.
NO_SYNC = ("--debug-no-sync", "--innodb-flush-method=nosync")


@cache
def _empty_mariadb() -> Path:
    """A data folder to copy: making one takes seconds, a copy a tenth of that."""
    folder = Path(tempfile.mkdtemp(prefix="shopsight-mariadb-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    user = ["--user=root"] if os.geteuid() == 0 else []
    install = [program("mariadb-install-db"), "--no-defaults", *user, f"--datadir={folder}"]
    install += ["--auth-root-authentication-method=normal", "--skip-test-db", *NO_SYNC]
    # A server that starts removes the temporary tables of any other from a shared folder for them.
    with tempfile.TemporaryDirectory() as own:
        environment = {**os.environ, "TMPDIR": own}
        subprocess.run(install, check=True, capture_output=True, env=environment)
    return folder


@contextmanager
def mariadb_server(
    folder: Path,
    port: int | None = None,
    options: tuple[str, ...] = (),
    *,
    durable: bool = False,
) -> Iterator[Server]:
    """An empty database `shopsight`, user `root` without a password. `durable`: it waits for the
    disk as elsewhere, for what measures time."""
    port = port or free_port()
    data = folder / "mariadb"
    user = ["--user=root"] if os.geteuid() == 0 else []
    if not data.exists():
        shutil.copytree(_empty_mariadb(), data)
    command = [program("mariadbd"), "--no-defaults", *user, f"--datadir={data}"]
    command += [f"--port={port}", "--bind-address=127.0.0.1", f"--socket={folder / 'm.sock'}"]
    command += ["--innodb-flush-log-at-trx-commit=2", "--innodb-buffer-pool-size=32M"]
    # Its own, see above.
    command += [f"--tmpdir={folder}", *(() if durable else NO_SYNC), *options]
    with running(command, folder / "mariadb.log") as process:

        def up() -> bool:
            try:
                connection = pymysql.connect(host="127.0.0.1", port=port, user="root")
            except pymysql.Error:
                return False
            with connection, connection.cursor() as cursor:
                cursor.execute("CREATE DATABASE IF NOT EXISTS shopsight CHARACTER SET utf8mb4")
            return True

        wait_until("mariadb", up)
        url = f"mysql+pymysql://root@127.0.0.1:{port}/shopsight?charset=utf8mb4"
        yield Server(url, process, port)


class PromptServer(uvicorn.Server):
    """Ends as soon as it is told. uvicorn looks for that ten times a second, and then waits for a
    tenth: half of the time of a test that asks one question."""

    async def main_loop(self) -> None:
        while not await self.on_tick(0):  # noqa: ASYNC110 - uvicorn sets plain flags
            await asyncio.sleep(PROMPTLY_S)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        with suppress(TimeoutError):
            async with asyncio.timeout(self.config.timeout_graceful_shutdown):
                while self.server_state.connections or self.server_state.tasks:  # noqa: ASYNC110
                    await asyncio.sleep(PROMPTLY_S)
        for task in self.server_state.tasks:
            task.cancel()
        await self.lifespan.shutdown()


@contextmanager
def served(
    app: ASGIApp, port: int | None = None, http: Any = "auto", proxies: tuple[str, ...] = ()
) -> Iterator[str]:
    """An application on a real port, in a thread of the test: as fast to start as it is real."""
    port = port or free_port()
    config = uvicorn.Config(
        app,
        port=port,
        http=http,
        ws="none",
        proxy_headers=bool(proxies),
        forwarded_allow_ips=list(proxies),
        log_config=None,
        timeout_graceful_shutdown=1,
    )
    server = PromptServer(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    wait_until("server", lambda: server.started or not thread.is_alive())
    assert server.started
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(10)


@contextmanager
def gateway_server(folder: Path, **settings: Any) -> Iterator[str]:
    """A gateway, its log in `folder`/log.db unless another `database_url` is given."""
    known = {
        "database_url": f"sqlite:///{folder / 'log.db'}",
        "spool_dir": folder / "spool",
        "web_dir": None,
        "probe_interval_s": 0.1,
        "cache_budget_ms": PATIENT_MS,
        **{name.lower(): value for name, value in ROOMY.items()},
        "photo_checks": (),  # a process of 140 MB; tests of it say so
        "image_helpers": 1,
        **settings,
    }
    migrate(known["database_url"])
    SPOOLS[known["database_url"]] = Path(known["spool_dir"])
    made = Settings(_env_file=None, **known)
    app = create_app(made, CollectorRegistry())
    with served(app, http=ClientConnection, proxies=made.trusted_proxies) as url:
        yield url


@contextmanager
def gateway_process(folder: Path, **environment: str) -> Iterator[Server]:
    """The same as a process of its own, for signals, logs and the ports of ops."""
    port = free_port()
    env = {
        "GATEWAY_PORT": str(port),
        "INTERNAL_PORT": str(free_port()),
        "ADMIN_PORT": str(free_port()),
        "DATABASE_URL": f"sqlite:///{folder / 'log.db'}",
        "SPOOL_DIR": str(folder / "spool"),
        "WEB_DIR": "",
        "CACHE_BUDGET_MS": str(PATIENT_MS),
        **ROOMY,
        "PHOTO_CHECKS": "",
        "IMAGE_HELPERS": "1",
        **environment,
    }
    migrate(env["DATABASE_URL"])
    SPOOLS[env["DATABASE_URL"]] = Path(env["SPOOL_DIR"])
    with running([sys.executable, "-m", "gateway"], folder / "gateway.log", **env) as process:
        admin = f"http://127.0.0.1:{env['ADMIN_PORT']}/admin"
        server = Server(f"http://127.0.0.1:{port}", process, int(env["INTERNAL_PORT"]), admin)

        def up() -> bool:
            assert process.poll() is None, (folder / "gateway.log").read_text()
            try:
                return httpx.get(f"{server.url}/readyz").status_code == 200
            except httpx.TransportError:
                return False

        wait_until("gateway", up)
        yield server
