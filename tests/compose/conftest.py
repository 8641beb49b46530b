"""The real docker-compose.yml under its own project name and port: built, up, and gone again."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from gateway.cli.embedded import free_port
from tests.support import ROOT
from tests.support.missing import missing
from tests.support.servers import wait_until

# Building torch's layer takes 2 minutes here, without any cache and with two busy cores more.
BUILD_TIMEOUT_S = 1500


# Its metrics are at its address in the network `ops` alone.
READY = """
import httpx, re
from gateway.api.server import own_address
text = httpx.get(f"http://{own_address('gateway-ops')}:9100/metrics").text
print(re.search(r'gateway_pool_replicas.state="ready". (.*)', text)[1])
"""


def docker(*arguments: str) -> str:
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"docker {' '.join(arguments)}\n{done.stderr}"
    return done.stdout.strip()


@dataclass
class Stack:
    project: str
    port: int
    environment: dict[str, str] = field(default_factory=dict)
    """What the files read beside the port."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def compose(self, *arguments: str, check: bool = True) -> str:
        """Standard output of `docker compose …`; what it says otherwise is shown on failure."""
        done = subprocess.run(
            ["docker", "compose", "--project-name", self.project, *arguments],
            cwd=ROOT,
            env={**os.environ, "PORT": str(self.port), **self.environment},
            capture_output=True,
            text=True,
            timeout=BUILD_TIMEOUT_S,
            check=False,
        )
        if check and done.returncode:
            raise AssertionError(f"docker compose {' '.join(arguments)}\n{done.stderr[-4000:]}")
        return done.stdout

    def run(self, service: str, *command: str, index: int = 1, check: bool = True) -> str:
        """Output of a command in a running container."""
        return self.compose(
            "exec", "--no-TTY", f"--index={index}", service, *command, check=check
        ).strip("\n")

    def sql(self, query: str, user: str = "shopsight", secret: str = "database_password") -> str:
        """Rows of MySQL as lines, columns apart by tabs; `ERROR …` for a refused query."""
        client = f'MYSQL_PWD=$(cat /run/secrets/{secret}) mysql -u {user} -N -e "$0" shopsight 2>&1'
        return self.run("mysql", "sh", "-c", client, query, check=False)

    def rows(self, answer: httpx.Response) -> list[list[str]]:
        """Outcome, error code and cache of the log's rows for an answer: there must be one."""
        request_id = answer.headers["x-request-id"]
        query = "SELECT outcome, IFNULL(error_code, ''), IFNULL(cache, '') FROM interactions"
        query += f" WHERE request_id = '{request_id}'"
        wait_until("row", lambda: bool(self.sql(query)))
        return [line.split("\t") for line in self.sql(query).splitlines()]

    def scale(self, service: str, replicas: int) -> None:
        """As docs/operations.md says: nothing else is touched. Returns when all are healthy."""
        command = ("up", "--detach", "--no-build", "--no-deps", "--no-recreate", "--wait")
        self.compose(*command, "--scale", f"{service}={replicas}", service)

    def replicas_ready(self) -> set[int]:
        """How many replicas each gateway says that it could ask."""
        found = set()
        for index in range(1, 1 + len(self.compose("ps", "--quiet", "gateway").split())):
            told = self.run("gateway", "python", "-c", READY, index=index)
            found.add(int(float(told)))
        return found

    def containers(self, *services: str) -> list[dict[str, Any]]:
        """`docker inspect` of each, the ended ones too."""
        ids = self.compose("ps", "--all", "--quiet", *services).split()
        found: list[dict[str, Any]] = json.loads(docker("inspect", *ids))
        return found


def ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz").status_code == 200
    except httpx.TransportError:
        return False


def engine_missing() -> str | None:
    if shutil.which("docker") is None:
        return "docker is not installed"
    for command in (["docker", "info"], ["docker", "compose", "version"]):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            return f"`{' '.join(command)}` fails: {done.stderr.strip()[:200]}"
    return None


@pytest.fixture(scope="session")
def engine() -> None:
    if reason := engine_missing():
        message = f"THE COMPOSE FILE IS NOT TESTED: {reason}"
        print(f"\n{message}", file=sys.stderr)
        missing(message)


@pytest.fixture(scope="session")
def stack(engine: None) -> Iterator[Stack]:
    # One address is all of a test's shoppers, and other programs may have monitoring's ports.
    environment = {
        "CONNECTION_LIMIT": "200",
        "ADDRESS_LIMITS": "questions_per_s=100 burst=1000",
        "GRAFANA_PORT": str(free_port()),
        "ALERTMANAGER_PORT": str(free_port()),
    }
    stack = Stack(f"shopsight-test-{uuid4().hex[:8]}", free_port(), environment)
    subprocess.run([ROOT / "bin" / "make-secrets"], check=True)
    for service in ("gateway", "inference"):  # one after the other: pip and torch want both cores
        stack.compose("build", service)
    try:
        stack.compose("up", "--detach", "--no-build", "--wait", "--wait-timeout", "180")
        wait_until("the gateways to see a replica", lambda: ready(stack.url))
        yield stack
    except AssertionError:
        print(stack.compose("logs", "--no-color", "--tail", "100", check=False))
        raise
    finally:
        everything = ("--profile", "*", "down", "--volumes", "--remove-orphans", "--timeout", "10")
        stack.compose(*everything)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    """What the services said belongs to the report of a failed test."""
    report = yield
    stack = getattr(item, "funcargs", {}).get("stack")
    if report.when == "call" and report.failed and isinstance(stack, Stack):
        logs = stack.compose("logs", "--no-color", "--tail", "40", check=False)
        report.sections.append(("docker compose logs", logs))
    return report


@pytest.fixture(scope="session")
def photo(sample_photo: Path) -> bytes:
    return sample_photo.read_bytes()
