"""The servers that `make bench-gateway` compares (two gateways, the floors, nginx's cache), and the
replica behind all of them."""

import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from contract.process.home import PROJECT
from gateway.cli.embedded import free_port
from loadtest.closed_loop import process
from loadtest.nginx_cache import nginx_cache
from tests.support.limits import ROOMY

# Only misses on photos never seen tell them apart, see floor.py.
FLOORS = {
    "floor": {},
    "decoding floor": {"FLOOR_DECODES": "1"},
    "looking floor": {"FLOOR_LOOKS": "1"},
}


@dataclass
class Servers:
    ports: dict[str, int]
    running: dict[str, subprocess.Popen[Any]]

    @property
    def gateway(self) -> subprocess.Popen[Any]:
        return self.running["ours"]

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.ports[name]}"


def start(stack: ExitStack) -> Servers:
    if (redis := shutil.which("redis-server")) is None:
        raise SystemExit("redis-server is needed: run tests/install-servers as root")
    names = "redis", "replica", *FLOORS, "nginx", "ours", "second"
    ports = {name: free_port() for name in names}
    urls = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="shopsight-bench-"))
    env = {
        "REDIS_URL": f"redis://127.0.0.1:{ports['redis']}",
        "REPLICAS": urls["replica"],
        "DATABASE_URL": f"sqlite:///{folder}/log.db",
        "IMAGE_DIR": f"{folder}/images",
        "SPOOL_DIR": f"{folder}/spool",
        "WEB_DIR": "",
        **ROOMY,
    }
    options = ["--save", "", "--dir", folder, "--port", str(ports["redis"])]
    stack.enter_context(process([redis, *options]))
    migrate = [sys.executable, "-m", "gateway.cli", "migrate"]
    subprocess.run(migrate, env={**os.environ, **env}, cwd=PROJECT, check=True)  # noqa: S603
    running: dict[str, subprocess.Popen[Any]] = {}
    servers = {"replica": "echo_replica", **dict.fromkeys(FLOORS, "floor")}
    for name, app in servers.items():
        command = [sys.executable, "-m", "uvicorn", f"loadtest.{app}:app", "--no-access-log"]
        command += ["--log-level", "warning", "--port", str(ports[name])]
        own = env | FLOORS.get(name, {})
        running[name] = stack.enter_context(process(command, urls[name], **own))
    stack.enter_context(nginx_cache(Path(folder), ports["nginx"], ports["replica"]))
    for name in ("ours", "second"):
        own = {"GATEWAY_PORT": str(ports[name]), "INTERNAL_PORT": str(free_port())}
        own["ADMIN_PORT"] = str(free_port())
        command = [sys.executable, "-m", "gateway"]
        ready = f"{urls[name]}/readyz"
        running[name] = stack.enter_context(process(command, ready, **env, **own))
    return Servers(ports, running)


def upload_photo(url: str, data: bytes) -> tuple[str, str]:
    """Upload a photo. Returns its id, and the cookie of its owner."""
    answer = httpx.post(f"{url}/v1/images", content=data, trust_env=False)
    if answer.is_error:
        raise SystemExit(f"the gateway keeps no photo: {answer.text}")
    return answer.json()["id"], answer.headers["set-cookie"].partition(";")[0]


def replica_calls(servers: Servers) -> int:
    return int(httpx.get(f"{servers.url('replica')}/calls").json())
