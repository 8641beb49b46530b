"""The embedded default: gateway and one replica as two processes of this machine, with SQLite, the
in-process cache and the demo checkpoint. The code is that of compose; no server, no GPU."""

import contextlib
import errno
import importlib.util
import os
import random
import secrets
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from contract.process.home import HOME, PROJECT, checkout
from contract.process.stopping import GRACE_S
from gateway.cli.children import Child, python, stop
from gateway.cli.port_holder import holder_of
from gateway.config import Settings
from gateway.identity.keys import UnreadableKeysError, parse_api_keys

# Loading the demo checkpoint takes 3-10 s; an 8B one from a slow disk some minutes.
START_TIMEOUT_S = 600
# Created once and kept. With new ones at each start, sessions would end and pseudonyms would
# change.
SECRETS = ("pseudonym_key", "session_secret", "admin_token")
# File of the home that tells `shopsight admin` where the running stack is administered.
ADMINISTRATION = "administration.url"
# Below the ports that the kernel gives to outgoing connections: one of these could take a port
# before its server does.
PORTS = range(20_000, 32_000)
_used_ports: set[int] = set()


@dataclass(frozen=True)
class Stack:
    url: str
    replica_url: str
    internal_url: str
    admin_url: str
    data: Path
    database_url: str
    children: list[Child] = field(default_factory=list, repr=False)


def free_port() -> int:
    """A port that nobody listens on and that was not returned before: the first server may not
    listen yet when the second one needs a port."""
    while True:
        port = random.choice(PORTS)  # noqa: S311
        if port in _used_ports:
            continue
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            _used_ports.add(port)
            return port


@contextlib.contextmanager
def embedded_stack(
    data: Path,
    *,
    bind: str = "127.0.0.1",
    port: int | None = None,
    loading: Callable[[], None] = lambda: None,
    **environment: str,
) -> Iterator[Stack]:
    """Start both processes, wait until a question can be asked, and stop them at the end. `data`
    is their home. They keep their state there, unless `environment` names another place, and log to
    `gateway.log` and `inference.log`. `loading` is called before the long part, when all is checked
    that could keep them from starting. Raises SystemExit if they do not start."""
    if importlib.util.find_spec("inference") is None or importlib.util.find_spec("torch") is None:
        raise SystemExit("The model is not installed: it needs the extra `inference` of shopsight.")
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    settings = Settings()
    try:
        parse_api_keys(settings.api_keys)  # said here, not in the gateway's log
    except UnreadableKeysError as error:
        raise SystemExit(str(error)) from None
    explicit = settings.model_fields_set
    internal_port = settings.internal_port if port and "internal_port" in explicit else free_port()
    admin_port = settings.admin_port if port and "admin_port" in explicit else free_port()
    if port:
        _check_free(bind, port, "make run PORT=…, or shopsight run --port …")
        _check_free(settings.internal_host, internal_port, "INTERNAL_PORT in .env")
        _check_free(settings.admin_host, admin_port, "ADMIN_PORT in .env")
    port = port or free_port()
    inference_port = free_port()
    url, replica_url = (f"http://127.0.0.1:{number}" for number in (port, inference_port))
    internal_url = f"http://{settings.internal_host}:{internal_port}"
    admin_url = f"http://{settings.admin_host}:{admin_port}"
    for name in SECRETS:
        _create_secret(data / name)
    env = {
        **os.environ,
        HOME: str(data),
        "REPLICAS": replica_url,
        "INFERENCE_PORT": str(inference_port),
        "GATEWAY_PORT": str(port),
        "INTERNAL_PORT": str(internal_port),
        "ADMIN_PORT": str(admin_port),
        "DATABASE_URL": f"sqlite:///{data / 'shopsight.db'}",
        "SPOOL_DIR": str(data / "spool"),
        "IMAGE_DIR": str(data / "images"),
        "FILE_DIR": str(data / "files"),
        "REDIS_URL": "",  # even where .env names one: this stack needs no server
        **environment,
    }
    if checkout():  # the same code, wherever it is started from
        env["PYTHONPATH"] = os.pathsep.join(filter(None, (str(PROJECT), env.get("PYTHONPATH"))))
    stack = Stack(url, replica_url, internal_url, admin_url, data, env["DATABASE_URL"])
    if subprocess.run(python("-m", "gateway.cli", "migrate"), env=env).returncode:
        raise SystemExit(1)  # it has said why
    parts = (("inference", "The model", "127.0.0.1"), ("gateway", "The gateway", bind))
    loading()
    try:
        for module, title, host in parts:
            log = data / f"{module}.log"
            stack.children.append(Child(module, title, {**env, "HOST": host}, log))
        _wait_until_ready(stack)
        (data / ADMINISTRATION).write_text(admin_url)
        yield stack
    finally:
        (data / ADMINISTRATION).unlink(missing_ok=True)
        stop(stack.children, settings.deadline_ms / 1000 + GRACE_S)


def _check_free(bind: str, port: int, setting: str) -> None:
    """Raises SystemExit if the port is in use. Otherwise the stack would start, and the readiness
    check would ask a foreign server. `setting` tells how to choose another port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((bind, port))
        except OSError as error:
            why = f"Port {port} cannot be used: {error.strerror}."
            if error.errno == errno.EADDRINUSE and (holder := holder_of(port)):
                why = f"Port {port} is taken by {holder}."
            raise SystemExit(f"{why} Another: {setting}") from None


def _create_secret(file: Path) -> None:
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
