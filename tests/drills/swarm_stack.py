"""The stack on Docker Swarm, on two engines of this machine."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from ipaddress import ip_network
from pathlib import Path
from uuid import uuid4

import httpx

from gateway.cli.embedded import free_port
from tests.compose.shoppers import Shoppers
from tests.drills.second_engine import FIRST, SECOND, SecondEngine, run, second_engine
from tests.drills.swarm_leftovers import (
    PREFIX,
    TAG,
    Refused,
    docker,
    ending_in_order,
    leave_swarm,
    only_one,
    remove_images,
    remove_leftovers,
    remove_stacks,
    why_not,
)
from tests.support import ROOT
from tests.support.servers import wait_until

FILES = ("-f", "docker-compose.yml", "-f", "deploy/swarm/docker-compose.swarm.yml")
# Those that are built here, and how many tasks of each are wanted on both machines.
IMAGES = ("gateway", "inference", "nginx")
TASKS = {"mysql": 1, "redis": 1, "gateway": 3, "inference": 3, "worker": 2, "batch": 1, "nginx": 2}
UPDATED = ("gateway", "inference")
# A machine that other programs keep busy starts seven Pythons one after the other.
PATIENCE_S = 600


class Swarm:
    """The stack under a name of its own, which its images have as their tag."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name, self.port = name, free_port()
        self._folder = folder
        tag = TAG + name.removeprefix(PREFIX)
        self._environment = {
            "PORT": str(self.port),
            "TAG": tag,
            "INFERENCE_TAG": tag,
            # One address is all of the shoppers.
            "CONNECTION_LIMIT": "200",
            "ADDRESS_LIMITS": "questions_per_s=100 burst=1000",
        }

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def compose(self, *arguments: str) -> str:
        env = [f"{name}={value}" for name, value in self._environment.items()]
        return run("env", "-C", str(ROOT), *env, "docker", "compose", *FILES, *arguments)

    def build(self) -> None:
        for service in IMAGES:  # one after the other: pip and torch want both cores
            self.compose("build", "--quiet", service)

    def images(self) -> list[str]:
        """Those that no registry has."""
        named = self.compose("config", "--images").split()
        return sorted({each for each in named if each.startswith("shopsight/")})

    def deploy(self) -> None:
        whole = self.compose("config", "--format", "json")
        convert = [sys.executable, str(ROOT / "deploy/swarm/stack.py"), str(self._folder)]
        subprocess.run(convert, input=whole, text=True, check=True, capture_output=True)
        file = str(self._folder / "stack.json")
        run("docker", "stack", "deploy", "--resolve-image=never", "--detach=true",
            "-c", file, self.name)  # fmt: skip

    def running(self, service: str) -> dict[str, int]:
        """Tasks that are healthy and wanted, by node."""
        chosen = ("--filter", "desired-state=running", "--format", "{{.Node}} {{.CurrentState}}")
        found: dict[str, int] = {}
        for line in run("docker", "service", "ps", f"{self.name}_{service}", *chosen).splitlines():
            node, state, *_ = line.split()
            found[node] = found.get(node, 0) + (state == "Running")
        return found

    def wait_for_all(self) -> None:
        for service, wanted in TASKS.items():
            wait_until(
                service,
                lambda of=service, n=wanted: sum(self.running(of).values()) == n,  # type: ignore[misc]
                PATIENCE_S,
            )
        wait_until("the stack", self.is_ready, PATIENCE_S)

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

    def what_happened(self) -> str:
        """Each task with its error, and the last words of each service."""
        form = "{{.Name}} {{.Node}} {{.DesiredState}} {{.CurrentState}} {{.Error}}"
        told = [
            run("docker", "stack", "ps", "--no-trunc", "--format", form, self.name, check=False)
        ]
        for service in TASKS:
            told.append(f"--- {service}")
            logs = ("timeout", "20", "docker", "service", "logs", "--tail", "15", "--raw")
            told.append(run("sh", "-c", '"$@" 2>&1', "-", *logs, f"{self.name}_{service}"))
        return "\n".join(told)


@contextmanager
def swarm() -> Iterator[tuple[Swarm, SecondEngine]]:
    """Two engines in one swarm, the images on both, nothing deployed. Raises Refused."""
    with ExitStack() as stack:
        deaf = stack.enter_context(ending_in_order())
        if reason := why_not():
            raise Refused(reason)
        stack.enter_context(only_one())
        remove_leftovers()
        engine = stack.enter_context(second_engine())
        up = Swarm(PREFIX + uuid4().hex[:6], engine.socket.parent / "stack")
        stack.callback(remove_images)
        up.build()
        stack.callback(leave_swarm)
        join(engine)
        engine.load(up.images())

        def end(kind: object, error: BaseException | None, at: object) -> None:
            deaf()
            if isinstance(error, Exception):
                print(up.what_happened(), file=sys.stderr, flush=True)
            engine.mend()
            remove_stacks(docker, engine.docker)

        stack.push(end)
        yield up, engine


def join(engine: SecondEngine) -> None:
    docker(
        "swarm", "init", "--advertise-addr", FIRST, "--listen-addr", f"{FIRST}:2377",
        "--default-addr-pool", free_pool(),
    )  # fmt: skip
    token = docker("swarm", "join-token", "--quiet", "worker")
    engine.docker("swarm", "join", "--advertise-addr", SECOND, "--token", token, f"{FIRST}:2377")
    own = docker("info", "--format", "{{.Swarm.NodeID}}")
    docker("node", "update", "--label-add", "shopsight.data=yes", own)


def free_pool() -> str:
    """Addresses for the stack's networks: none that this machine reaches otherwise, and others for
    each drill, since an engine may go on holding those of a swarm that it has left."""
    routes = json.loads(run("ip", "-json", "-4", "route"))
    taken = [ip_network(each["dst"]) for each in routes if each["dst"] != "default"]
    start = uuid4().int
    pools = (ip_network(f"10.{100 + (start + step) % 150}.0.0/16") for step in range(150))
    return str(next(pool for pool in pools if not any(pool.overlaps(each) for each in taken)))
