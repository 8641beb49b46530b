"""An upgrade and its way back under load: gateways of an earlier commit and of now stand beside
each other behind nginx, on the same Redis, database, spools and replicas. No request fails."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx
from sqlalchemy import create_engine

from gateway.cli.embedded import free_port
from gateway.log.outbox.reconcile import reconcile_log, spooled_ids
from tests.drills.load import Load
from tests.drills.verdict import Verdict
from tests.support import ROOT
from tests.support.limits import ROOMY
from tests.support.migrating import migrate
from tests.support.nginx_server import NameServer, name_server, nginx_server
from tests.support.servers import Process, mariadb_server, redis_server, running, wait_until
from tests.support.stub_process import stub_process

# One version's difference: before canaries, with revision 0008 of the schema.
EARLIER = "93fecfa97cf721786e65baab1af282ed1bd1426c"
# nginx asks for names each second; who was taken out of them gets no new request after that.
FORGOTTEN_S = 3.0
STOP_S = 40
# On a machine that has much else to do: an import takes a minute there.
START_S = 240


class NoHistoryError(Exception):
    """The message says what to do."""


def checkout(commit: str, folder: Path) -> Path:
    """The files of a commit. Raises NoHistoryError in a clone without it."""
    folder.mkdir()
    archive = subprocess.run(
        ["git", "-C", str(ROOT), "archive", commit], capture_output=True, check=False
    )
    if archive.returncode:
        raise NoHistoryError(
            f"Commit {commit} is not in this clone, which this drill runs beside the current one."
            " Fetch the whole history: git fetch --unshallow"
        )
    subprocess.run(["tar", "-x", "-C", str(folder)], input=archive.stdout, check=True)
    return folder


class Fleet:
    """Gateways of any commit, each at an address of its own and all at one port."""

    def __init__(self, folder: Path, names: NameServer, port: int, **environment: str) -> None:
        self._folder, self._names, self._port = folder, names, port
        self._environment = {**os.environ, **environment}
        self._running: dict[str, Process] = {}
        self._stack = ExitStack()

    def add(self, code: Path, *hosts: str) -> None:
        """Start gateways out of this folder, then have nginx know them."""
        for host in hosts:
            env = {
                **self._environment,
                "HOST": host,
                "GATEWAY_PORT": str(self._port),
                "INTERNAL_PORT": str(free_port()),
                "ADMIN_PORT": str(self.admin_port(host)),
                "PYTHONPATH": str(code),
            }
            self._running[host] = self._start(code, self._folder / f"{host}.log", env)
        for host in hosts:
            wait_until(f"gateway at {host}", lambda host=host: self._ready(host), START_S)  # type: ignore[misc]
        self._names.addresses += hosts

    def _start(self, code: Path, log: Path, env: dict[str, str]) -> Process:
        command = [sys.executable, "-m", "gateway"]
        if code == ROOT:  # which a test has imported already
            return self._stack.enter_context(running(command, log, **env))
        with log.open("ab") as file:
            return subprocess.Popen(command, cwd=code, env=env, stdout=file, stderr=file)

    def remove(self, *hosts: str) -> None:
        """As an orchestrator does it: out of the names first, then told to end."""
        self._names.addresses = [each for each in self._names.addresses if each not in hosts]
        time.sleep(FORGOTTEN_S)
        for host in hosts:
            self._running[host].terminate()
        for host in hosts:
            assert self._running.pop(host).wait(STOP_S) == 0, self._log(host)

    def close(self) -> None:
        for process in self._running.values():
            process.terminate()
        for process in self._running.values():
            process.wait(STOP_S)
        self._stack.close()

    def weights(self, host: str) -> dict[str, float]:
        told: dict[str, float] = self._admin(host, "GET", "weights")["weights"]
        return told

    def start_canary(self, host: str) -> None:
        self._admin(host, "POST", "canary", {"candidate": "new", "share": 0.25})

    def roll_back(self, host: str) -> None:
        self._admin(host, "POST", "canary/rollback", {})

    def _admin(self, host: str, method: str, what: str, body: Any = None) -> dict[str, Any]:
        url = f"http://127.0.0.1:{self.admin_port(host)}/admin/{what}"
        answer = httpx.request(method, url, json=body, trust_env=False, timeout=20)
        answer.raise_for_status()
        told: dict[str, Any] = answer.json()
        return told

    def admin_port(self, host: str) -> int:
        return self._port + int(host.rsplit(".", 1)[1])

    def _ready(self, host: str) -> bool:
        assert self._running[host].poll() is None, self._log(host)
        try:
            url = f"http://{host}:{self._port}/readyz"
            return httpx.get(url, trust_env=False).status_code == 200
        except httpx.TransportError:
            return False

    def _log(self, host: str) -> str:
        return (self._folder / f"{host}.log").read_text()[-3000:]


@contextmanager
def services(folder: Path) -> Iterator[dict[str, str]]:
    """Redis, an empty database, two replicas: what a gateway's environment says of them."""
    with ExitStack() as stack:
        redis = stack.enter_context(redis_server(folder))
        database = stack.enter_context(mariadb_server(folder, durable=True))
        replicas = [stack.enter_context(stub_process(folder, revision=r)) for r in ("old", "new")]
        yield {
            **ROOMY,
            "REDIS_URL": redis.url,
            "DATABASE_URL": database.url,
            "REPLICAS": ",".join(replica.url for replica in replicas),
            "REVISION_WEIGHTS": "old=1",
            "SPOOL_DIR": str(folder / "spool"),
            "IMAGE_DIR": str(folder / "images"),
            "SESSION_SECRET": "the same everywhere",
            "PSEUDONYM_KEY": "the same everywhere",
            "ALLOWED_HOSTS": "*",
            "TRUSTED_PROXIES": "127.0.0.1",
            "PHOTO_CHECKS": "",
            "IMAGE_HELPERS": "1",
            "WEB_DIR": "",
            "LOG_LEVEL": "WARNING",
        }


def drill(per_s: float = 10, settle_s: float = 5) -> Verdict:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="shopsight-drill-")))
        earlier = checkout(EARLIER, folder / "earlier")
        environment = stack.enter_context(services(folder))
        url = environment["DATABASE_URL"]
        migrate_with = [sys.executable, "-m", "gateway.cli", "migrate"]
        env = {**os.environ, **environment, "PYTHONPATH": str(earlier)}
        subprocess.run(migrate_with, cwd=earlier, env=env, check=True, capture_output=True)

        port = free_port()
        names = stack.enter_context(name_server())
        fleet = Fleet(folder, names, port, **environment)
        stack.callback(fleet.close)
        before, now = ("127.0.0.11", "127.0.0.12"), ("127.0.0.13", "127.0.0.14")
        fleet.add(earlier, *before)
        nginx = stack.enter_context(nginx_server(folder / "nginx", names, port))
        wait_until("nginx knows them", lambda: httpx.get(f"{nginx.url}/readyz").status_code == 200)

        begun = time.monotonic()
        with Load([cast(Any, SimpleNamespace(port=nginx.port))], per_s) as load:
            time.sleep(settle_s)
            migrate(url)  # the earlier gateways go on, on the schema of now
            fleet.add(ROOT, *now)
            time.sleep(settle_s)  # both beside each other
            fleet.start_canary(now[0])
            wait_until("the earlier ones follow", lambda: len(fleet.weights(before[0])) == 2, 5)
            fleet.remove(*before)
            time.sleep(settle_s)
            fleet.add(earlier, *before)
            time.sleep(settle_s)
            fleet.roll_back(now[0])
            wait_until("and back", lambda: fleet.weights(before[1]) == {"old": 1}, 5)
            fleet.remove(*now)
            time.sleep(settle_s)
        took_s = time.monotonic() - begun
        spools = Path(environment["SPOOL_DIR"])
        wait_until("drained", lambda: not spooled_ids(spools), 60)
        engine = create_engine(url)
        found = reconcile_log(engine, spools, load.ledger.acknowledged)
        engine.dispose()
        ledger = load.ledger
        return Verdict(
            "upgrade",
            lost=len(found.lost),
            doubled=len(found.doubled),
            wrong=ledger.wrong,
            error_rate=ledger.errors / max(1, len(ledger.asked)),
            recovery_s=0.0,
            more={
                "failed": ledger.errors,
                "ended": ledger.statuses,
                "asked": len(ledger.asked),
                "seconds": took_s,
                "p99_ms": ledger.percentile_ms(0.99),
            },
        )
