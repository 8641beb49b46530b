"""A real vLLM on this machine's CPU, started as docker-compose.vllm.yml starts it on a GPU."""

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

from gateway.cli.embedded import free_port
from tests.support import ROOT
from tests.support.missing import missing
from tests.support.servers import wait_until

PROGRAM = ROOT / ".venv-vllm" / "bin" / "vllm"
# Importing it takes a minute of CPU, loading and warming up another one.
START_TIMEOUT_S = 900
CONTEXT_TOKENS = 1024
# Of a GPU only; and without the last, the gateway alone keeps the checkpoint's values away.
LEFT_OUT = ("--gpu-memory-utilization", "--disable-uvicorn-access-log", "--generation-config")
ON_A_CPU = {
    "OMP_NUM_THREADS": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "VLLM_CPU_KVCACHE_SPACE": "1",  # GB
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
    "HF_HUB_OFFLINE": "1",
}


class _ComposeLoader(yaml.SafeLoader):
    """Knows compose's own tags, such as !override."""


_ComposeLoader.add_multi_constructor(
    "!", lambda loader, _, node: loader.construct_sequence(node)
    if isinstance(node, yaml.SequenceNode)
    else loader.construct_mapping(node, deep=True),
)  # fmt: skip


def compose_services(**variables: str) -> dict[str, Any]:
    """The services of the overlay, with these variables in the place of their defaults."""
    text = (ROOT / "docker-compose.vllm.yml").read_text()
    filled = re.sub(r"\$\{(\w+):-([^}]*)\}", lambda name: variables.get(name[1], name[2]), text)
    services: dict[str, Any] = yaml.load(filled, _ComposeLoader)["services"]
    return services


def upstream_of(url: str) -> dict[str, Any]:
    """The entry of UPSTREAMS that the overlay presets, for another address."""
    (entry,) = json.loads(compose_services()["gateway"]["environment"]["UPSTREAMS"])
    return {**entry, "url": url}


def command(checkpoint: Path, port: int, *options: str) -> list[str]:
    bounds = json.loads((checkpoint / "preprocessor_config.json").read_text())["size"]
    variables = {
        "CHECKPOINT": str(checkpoint),
        "DTYPE": "float32",
        "CONTEXT_TOKENS": str(CONTEXT_TOKENS),
        # The checkpoint's own: with another one it would see other pixels than our replica.
        "IMAGE_PIXELS": str(bounds["longest_edge"]),
    }
    arguments = compose_services(**variables)["vllm"]["command"]
    kept = [argument for argument in arguments if not argument.startswith(LEFT_OUT)]
    here = ["--host=127.0.0.1", f"--port={port}", "--enforce-eager"]
    return [str(PROGRAM), "serve", *kept, *here, *options]


@dataclass
class VllmServer:
    url: str
    group: int
    """Of its processes: the API's, the engine's, and a worker."""

    def metric(self, name: str) -> float:
        """The sum of the samples of this name."""
        lines = httpx.get(f"{self.url}/metrics").text.splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith(f"{name}{{"))

    def stop_engine(self) -> None:
        """Only its engine's process: the one of its API goes on."""
        os.kill(self._engine, signal.SIGSTOP)

    def go_on(self) -> None:
        os.kill(self._engine, signal.SIGCONT)

    @property
    def _engine(self) -> int:
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                name = (folder / "cmdline").read_bytes()
                group = int((folder / "stat").read_text().rpartition(")")[2].split()[2])
            except OSError:  # it has ended meanwhile
                continue
            if name.startswith(b"VLLM::EngineCore") and group == self.group:
                return int(folder.name)
        raise LookupError("it has no engine")


@contextmanager
def vllm_server(folder: Path, checkpoint: Path, *options: str) -> Iterator[VllmServer]:
    if not PROGRAM.exists():
        missing("vLLM is not installed: `make test-upstreams` does it")
    port = free_port()
    log = folder / f"vllm-{port}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command(checkpoint, port, *options),
            env={**os.environ, **ON_A_CPU, "HOME": str(folder)},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    server = VllmServer(f"http://127.0.0.1:{port}", process.pid)

    def up() -> bool:
        assert process.poll() is None, log.read_text()[-4000:]
        try:
            return httpx.get(f"{server.url}/health").status_code == 200
        except httpx.TransportError:
            return False

    try:
        wait_until("vLLM", up, START_TIMEOUT_S)
        yield server
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
