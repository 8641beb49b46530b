"""`make swarm-drill`: the whole stack on Docker Swarm, on two engines of this machine. Gateways and
replicas are updated one by one, and then the second engine is cut off, while shoppers ask. One line
`RESULT {json}` each. For root, where a Docker engine runs that is in no swarm."""

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import httpx

from gateway.cli.embedded import free_port
from tests.compose.shoppers import Shoppers
from tests.drills.second_engine import FIRST, SECOND, SecondEngine, run, second_engine
from tests.drills.verdict import Verdict
from tests.support import ROOT
from tests.support.servers import wait_until

FILES = ("-f", "docker-compose.yml", "-f", "deploy/swarm/docker-compose.swarm.yml")
IMAGES = ("gateway", "inference", "nginx")
SHOPPERS = 2
# Swarm takes a node for dead after three beats of five seconds.
NOTICED_S = 15


class Swarm:
    """The stack under a name of its own."""

    def __init__(self, folder: Path, engine: SecondEngine) -> None:
        self.name = f"drill-{uuid4().hex[:6]}"
        self.port = free_port()
        self._folder = folder
        self._engine = engine

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def deploy(self) -> None:
        environment = {"PORT": str(self.port), "CONNECTION_LIMIT": "200"}
        environment["ADDRESS_LIMITS"] = "questions_per_s=100 burst=1000"
        env = [f"{name}={value}" for name, value in environment.items()]
        whole = run("env", "-C", str(ROOT), *env, "docker", "compose", *FILES, "config",
                    "--format", "json")  # fmt: skip
        convert = [sys.executable, str(ROOT / "deploy/swarm/stack.py"), str(self._folder)]
        subprocess.run(convert, input=whole, text=True, check=True, capture_output=True)
        file = str(self._folder / "stack.json")
        run("docker", "stack", "deploy", "--resolve-image=never", "-c", file, self.name)

    def running(self, service: str) -> dict[str, int]:
        """Tasks that are healthy and wanted, by node."""
        chosen = ("--filter", "desired-state=running", "--format", "{{.Node}} {{.CurrentState}}")
        found: dict[str, int] = {}
        for line in run("docker", "service", "ps", f"{self.name}_{service}", *chosen).splitlines():
            node, state, *_ = line.split()
            found[node] = found.get(node, 0) + (state == "Running")
        return found

    def is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/readyz", timeout=5).status_code == 200
        except httpx.HTTPError:
            return False

    def sql(self, query: str) -> str:
        """Of the log, in the container of MySQL, which is on this engine."""
        label = f"label=com.docker.swarm.service.name={self.name}_mysql"
        container = run("docker", "ps", "--quiet", "--filter", label)
        client = 'MYSQL_PWD=$(cat /run/secrets/database_password) mysql -u shopsight -N -e "$0"'
        return run("docker", "exec", container, "sh", "-c", f"{client} shopsight", query)

    def rows(self, shoppers: Shoppers) -> tuple[int, int]:
        """Answers without a row, and rows that are there twice."""
        ids = ", ".join(f"'{each}'" for each in shoppers.request_ids)
        told = self.sql("SELECT COUNT(*), COUNT(DISTINCT request_id) FROM interactions "
                        f"WHERE request_id IN ({ids})")  # fmt: skip
        rows, different = map(int, told.split())
        return len(shoppers.request_ids) - different, rows - different


@contextmanager
def swarm(folder: Path) -> Iterator[tuple[Swarm, SecondEngine]]:
    with ExitStack() as stack:
        engine = stack.enter_context(second_engine(folder))
        run("docker", "swarm", "init", "--advertise-addr", FIRST, "--listen-addr", f"{FIRST}:2377")
        stack.callback(run, "docker", "swarm", "leave", "--force", check=False)
        token = run("docker", "swarm", "join-token", "--quiet", "worker")
        engine.docker(
            "swarm", "join", "--advertise-addr", SECOND, "--token", token, f"{FIRST}:2377"
        )
        own = run("docker", "info", "--format", "{{.Swarm.NodeID}}")
        run("docker", "node", "update", "--label-add", "shopsight.data=yes", own)
        up = Swarm(folder, engine)
        stack.callback(clear, up, engine)
        yield up, engine


def clear(up: Swarm, engine: SecondEngine) -> None:
    engine.mend()
    run("docker", "stack", "rm", up.name, check=False)
    label = f"label=com.docker.stack.namespace={up.name}"
    for docker in (run, lambda *command: engine.docker(*command[1:])):
        there = ("docker", "ps", "--all", "--quiet", "--filter", label)
        wait_until("its end", lambda docker=docker, there=there: not docker(*there), 90)
    volumes = run("docker", "volume", "ls", "--quiet", "--filter", label).split()
    run("docker", "volume", "rm", "--force", *volumes, check=False)


def judge(drill: str, up: Swarm, shoppers: Shoppers, recovery_s: float) -> Verdict:
    with contextlib.suppress(TimeoutError):  # it is told below
        wait_until("rows", lambda: up.rows(shoppers)[0] == 0, 60)
    lost, doubled = up.rows(shoppers)
    failed, asked = shoppers.failed.total(), len(shoppers.ended)
    more = {"asked": asked, "failed": failed, "ended": dict(shoppers.failed)}
    return Verdict(drill, lost, doubled, 0, failed / max(1, asked), recovery_s, more)


def update(up: Swarm) -> Verdict:
    """New tasks of all gateways and replicas, each before the old one goes."""
    with Shoppers(up.url, SHOPPERS, pause_s=0.5) as shoppers:
        time.sleep(3)
        begun = time.monotonic()
        for service in ("gateway", "inference"):
            forced = ("service", "update", "--force", "--detach=false", "--quiet")
            run("docker", *forced, f"{up.name}_{service}")
        took_s = time.monotonic() - begun
        time.sleep(3)
    return judge("swarm_update", up, shoppers, took_s)


def cut(up: Swarm, engine: SecondEngine) -> Verdict:
    """Recovered is when as many gateways and replicas as before are healthy, on one machine."""
    here = run("hostname")
    with Shoppers(up.url, SHOPPERS, pause_s=0.5) as shoppers:
        time.sleep(3)
        engine.cut()
        begun = time.monotonic()
        time.sleep(NOTICED_S)
        for service in ("gateway", "inference"):
            wait_until(service, lambda of=service: up.running(of).get(here, 0) == 2, 300)
        took_s = time.monotonic() - begun
        time.sleep(3)
    engine.mend()
    return judge("swarm_node_cut", up, shoppers, took_s)


def drills() -> Iterator[Verdict]:
    """One after the other, on one stack. Raises RuntimeError where there is no engine to run it."""
    (ROOT / ".run").mkdir(exist_ok=True)
    run(str(ROOT / "bin" / "make-secrets"))
    for service in IMAGES:
        run("env", "-C", str(ROOT), "docker", "compose", *FILES, "build", "--quiet", service)
    with TemporaryDirectory(dir="/var/tmp") as folder, swarm(Path(folder)) as (up, engine):
        config = ("docker", "compose", *FILES, "config", "--images")
        images = run("env", "-C", str(ROOT), *config).split()
        engine.load(sorted({each for each in images if each.startswith("shopsight/")}))
        begun = time.monotonic()
        up.deploy()
        for service in ("mysql", "redis", "gateway", "inference", "nginx"):
            wanted = 1 if service in ("mysql", "redis") else 2
            wait_until(service, lambda of=service, n=wanted: sum(up.running(of).values()) == n, 400)
        wait_until("the stack", up.is_ready, 120)
        print(f"deployed in {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
        yield update(up)
        yield cut(up, engine)


def main() -> int:
    exact = []
    for verdict in drills():
        verdict.print()
        exact.append(verdict.exact)
    return 0 if all(exact) else 1


if __name__ == "__main__":
    sys.exit(main())
