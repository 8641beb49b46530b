"""The embedded default: gateway and one replica as two processes of this machine, SQLite, the
in-process cache and the demo checkpoint. The same code as in compose, no server, no GPU."""

import contextlib
import importlib.util
import os
import random
import secrets
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from contract.home import HOME, PROJECT, checkout
from gateway.cli.children import Child, python
from gateway.config import Settings

# Loading the demo checkpoint takes 3-10 s; an 8B one from a slow disk some minutes.
START_TIMEOUT_S = 600
# Made once: without them sessions would end, and people not be found again, at each start.
SECRETS = ("pseudonym_key", "session_secret")
# How long each process has to end by itself, told to.
STOP_S = 10
# Below those that the kernel gives to outgoing connections, which would take one before its server.
PORTS = range(20_000, 32_000)
_given: set[int] = set()


@dataclass(frozen=True)
class Stack:
    url: str
    replica_url: str
    internal_url: str
    data: Path
    database_url: str
    children: list[Child] = field(default_factory=list, repr=False)


def free_port() -> int:
    """One that nothing listens at, and that was not given out before: the first server may not
    listen yet when the port for the second is looked for."""
    while True:
        port = random.choice(PORTS)  # noqa: S311
        if port in _given:
            continue
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            _given.add(port)
            return port


@contextlib.contextmanager
def embedded_stack(
    data: Path, *, bind: str = "127.0.0.1", port: int | None = None, **environment: str
) -> Iterator[Stack]:
    """Start both processes, wait until a question can be asked, and stop them at the end. `data`
    is their home: what they keep is there, unless `environment` names another place, and so are
    their log files, `gateway.log` and `inference.log`."""
    if importlib.util.find_spec("inference") is None or importlib.util.find_spec("torch") is None:
        raise SystemExit("The model is not installed: it needs the extra `inference` of shopsight.")
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    settings = Settings()
    given = settings.model_fields_set
    internal_port = settings.internal_port if port and "internal_port" in given else free_port()
    if port:
        _check_free(bind, port, "make run PORT=…, or shopsight run --port …")
        _check_free("127.0.0.1", internal_port, "INTERNAL_PORT in .env")
    port = port or free_port()
    inference_port = free_port()
    url, replica_url, internal_url = (
        f"http://127.0.0.1:{number}" for number in (port, inference_port, internal_port)
    )
    for name in SECRETS:
        _make_secret(data / name)
    env = {
        **os.environ,
        HOME: str(data),
        "REPLICAS": replica_url,
        "INFERENCE_PORT": str(inference_port),
        "GATEWAY_PORT": str(port),
        "INTERNAL_PORT": str(internal_port),
        "DATABASE_URL": f"sqlite:///{data / 'shopsight.db'}",
        "SPOOL_DIR": str(data / "spool"),
        "IMAGE_DIR": str(data / "images"),
        "REDIS_URL": "",  # even where .env names one: this stack needs no server
        **environment,
    }
    if checkout():  # the same code, wherever it is started from
        env["PYTHONPATH"] = os.pathsep.join(filter(None, (str(PROJECT), env.get("PYTHONPATH"))))
    stack = Stack(url, replica_url, internal_url, data, env["DATABASE_URL"])
    if subprocess.run(python("-m", "gateway.cli", "migrate"), env=env).returncode:
        raise SystemExit("The behaviour log could not be made ready.")
    parts = (("inference", "The model", "127.0.0.1"), ("gateway", "The gateway", bind))
    try:
        for module, title, host in parts:
            log = data / f"{module}.log"
            stack.children.append(Child(module, title, {**env, "HOST": host}, log))
        _wait_until_ready(stack)
        yield stack
    finally:
        for child in reversed(stack.children):
            child.process.terminate()
        for child in stack.children:
            child.stop(STOP_S)


def _check_free(bind: str, port: int, another: str) -> None:
    """Else the server that is there would be asked whether this one is ready."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((bind, port))
        except OSError as error:
            why = f"Port {port} cannot be used: {error.strerror}."
            raise SystemExit(f"{why} Another: {another}") from None


def _make_secret(file: Path) -> None:
    """Every command finds it in the home, unless the environment or `.env` names another."""
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(secrets.token_hex(32))


def _wait_until_ready(stack: Stack) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        for child in stack.children:
            if child.has_ended():
                raise SystemExit(f"{child.why_it_ended()}\nSee {child.log}")
        try:
            if httpx.get(f"{stack.url}/readyz", trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    raise SystemExit(f"not ready within {START_TIMEOUT_S} s; see the logs in {stack.data}")
