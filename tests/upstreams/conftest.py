"""A real vLLM and a replica of ours with the same weights, each behind a gateway of its own."""

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.cli.embedded import free_port
from gateway.identity.keys import hash_key
from tests.support import ROOT
from tests.support.servers import gateway_server, running, wait_until
from tests.support.vllm_server import CONTEXT_TOKENS, VllmServer, upstream_of, vllm_server

CHECKPOINT = ROOT / "demo_model" / "checkpoint"
KEYS = f"acme {hash_key('key-1')}\nboutique {hash_key('key-2')}"
# Values that would change every answer, if the gateway left it to the server to choose them.
HOSTILE = {"repetition_penalty": 3.0, "top_p": 0.1, "top_k": 2, "temperature": 1.5}


@dataclass
class Engine:
    """A server and a gateway before it. `entry`: of UPSTREAMS."""

    kind: str
    entry: dict[str, Any]
    gateway: str

    @property
    def ready(self) -> bool:
        return httpx.get(f"{self.gateway}/readyz").status_code == 200


@pytest.fixture(scope="session")
def vllm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VllmServer]:
    folder = tmp_path_factory.mktemp("vllm")
    checkpoint = shutil.copytree(CHECKPOINT, folder / "checkpoint")
    path = checkpoint / "generation_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **HOSTILE}))
    with vllm_server(folder, checkpoint) as server:
        yield server


@pytest.fixture(scope="session")
def replica(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    log = tmp_path_factory.mktemp("replica") / "replica.log"
    settings = {"INFERENCE_PORT": str(port), "MAX_CONTEXT_TOKENS": str(CONTEXT_TOKENS)}
    with running([sys.executable, "-m", "inference"], log, **settings) as process:

        def up() -> bool:
            assert process.poll() is None, log.read_text()
            try:
                return httpx.get(f"{url}/readyz").status_code == 200
            except httpx.TransportError:
                return False

        wait_until("replica", up, 120)
        yield url


StartEngine = Callable[..., Engine]


@pytest.fixture(scope="session")
def start_engine(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[StartEngine]:
    """Starts a gateway before the server of that kind, with settings of its own."""
    with ExitStack() as stack:

        def start(kind: str, **settings: Any) -> Engine:
            if kind == "vllm":
                entry = upstream_of(request.getfixturevalue("vllm").url)
            else:
                entry = {"url": request.getfixturevalue("replica")}
            known = {"upstreams": json.dumps([entry]), "api_keys": KEYS, "deadline_ms": 110_000}
            # A machine that compiles at the side may take long for the first question.
            known |= {"replica_silence_s": 60.0, **settings}
            folder: Path = tmp_path_factory.mktemp("gateway")
            return Engine(kind, entry, stack.enter_context(gateway_server(folder, **known)))

        yield start


@pytest.fixture(scope="session", params=["vllm", "shopsight"])
def engine(request: pytest.FixtureRequest, start_engine: StartEngine) -> Engine:
    return start_engine(request.param)


@pytest.fixture(scope="session")
def both(start_engine: StartEngine) -> tuple[Engine, Engine]:
    return start_engine("vllm"), start_engine("shopsight")
