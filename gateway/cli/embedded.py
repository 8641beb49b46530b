"""The embedded default: gateway and one replica as two processes of this machine, with SQLite, the
in-process cache and the demo checkpoint. The code is that of compose; no server, no GPU."""

import contextlib
import os
import random
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import httpx

from gateway.config import PROJECT, Settings

# Loading the demo checkpoint takes 3-10 s; an 8B one from a slow disk some minutes.
START_TIMEOUT_S = 600
# Created once and kept. With new ones at each start, sessions would end and pseudonyms would
# change.
SECRETS = ("PSEUDONYM_KEY", "SESSION_SECRET")
DATA = PROJECT / ".run"
# Below the ports that the kernel gives to outgoing connections: one of these could take a port
# before its server does.
PORTS = range(20_000, 32_000)
_used_ports: set[int] = set()


@dataclass(frozen=True)
class Stack:
    url: str
    replica_url: str
    internal_url: str
    data: Path
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list, repr=False)

    @property
    def database_url(self) -> str:
        return f"sqlite:///{self.data / 'shopsight.db'}"


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
    data: Path, *, bind: str = "127.0.0.1", port: int | None = None, **environment: str
) -> Iterator[Stack]:
    """Start both processes, wait until a question can be asked, and stop them at the end. They log
    to `gateway.log` and `inference.log` in `data`. Raises SystemExit if they do not start."""
    data.mkdir(parents=True, exist_ok=True)
    settings = Settings()
    explicit = settings.model_fields_set
    internal_port = settings.internal_port if port and "internal_port" in explicit else free_port()
    if port:
        _check_free(bind, port, "make run PORT=…")
        _check_free("127.0.0.1", internal_port, "INTERNAL_PORT in .env")
    port = port or free_port()
    inference_port = free_port()
    url, replica_url, internal_url = (
        f"http://127.0.0.1:{number}" for number in (port, inference_port, internal_port)
    )
    stack = Stack(url, replica_url, internal_url, data)
    env = {
        **os.environ,
        "REPLICAS": stack.replica_url,
        "INFERENCE_PORT": str(inference_port),
        "GATEWAY_PORT": str(port),
        "INTERNAL_PORT": str(internal_port),
        "DATABASE_URL": stack.database_url,
        "SPOOL_DIR": str(data / "spool"),
        "IMAGE_DIR": str(data / "images"),
        "REDIS_URL": "",  # even where .env names one: this stack needs no server
        **{name: _secret(data / name.lower()) for name in SECRETS if name.lower() not in explicit},
        **environment,
    }
    migrate = [sys.executable, "-m", "gateway.cli", "migrate"]
    if subprocess.run(migrate, cwd=PROJECT, env=env).returncode:
        raise SystemExit(1)  # it has said why
    processes = stack.processes
    try:
        for name, host in (("inference", "127.0.0.1"), ("gateway", bind)):
            with (data / f"{name}.log").open("ab") as output:
                processes.append(
                    subprocess.Popen(
                        [sys.executable, "-m", name],
                        cwd=PROJECT,
                        env={**env, "HOST": host},
                        stdout=output,
                        stderr=subprocess.STDOUT,
                    )
                )
        _wait_until_ready(stack, processes)
        yield stack
    finally:
        for process in reversed(processes):
            process.terminate()
        for process in processes:
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()


def _check_free(bind: str, port: int, setting: str) -> None:
    """Raises SystemExit if the port is in use. Otherwise the stack would start, and the readiness
    check would ask a foreign server. `setting` tells how to choose another port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((bind, port))
        except OSError as error:
            why = f"Port {port} cannot be used: {error.strerror}."
            raise SystemExit(f"{why} Another: {setting}") from None


def settings_of_run() -> Settings:
    """The settings of the gateway of `shopsight run`, with the secrets that it has created."""
    explicit = Settings().model_fields_set
    files = {name.lower(): DATA / name.lower() for name in SECRETS}
    created = {name: file for name, file in files.items() if name not in explicit and file.exists()}
    return Settings(**{name: file.read_text().strip() for name, file in created.items()})  # type: ignore[arg-type]


def _secret(file: Path) -> str:
    """The secret in a file, which is created if it is missing."""
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(secrets.token_hex(32))
    return file.read_text().strip()


def _wait_until_ready(stack: Stack, processes: list[subprocess.Popen[bytes]]) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        for process in processes:
            if process.poll() is not None:
                raise SystemExit(f"A process ended early; see the logs in {stack.data}")
        try:
            if httpx.get(f"{stack.url}/readyz", trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    raise SystemExit(f"not ready within {START_TIMEOUT_S} s; see the logs in {stack.data}")


def run(bind: str, port: int) -> int:
    """`shopsight run`: stay up until Ctrl-C."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends the stack, as Ctrl-C does
    try:
        _stay_up(bind, port)
    except KeyboardInterrupt:
        print("Stopped.", flush=True)
    return 0


def _stay_up(bind: str, port: int) -> NoReturn:
    print("Loading the model …", flush=True)
    with embedded_stack(DATA, bind=bind, port=port) as stack:
        print(f"Shopsight is up: {stack.url}   (logs in {stack.data}; Ctrl-C stops it)", flush=True)
        print(f"Metrics and administration, for this machine alone: {stack.internal_url}")
        if bind == "0.0.0.0":  # noqa: S104 - asked for by name
            print(f"From a phone in this network: http://{_address()}:{port}", flush=True)
        while all(process.poll() is None for process in stack.processes):
            time.sleep(1)
        raise SystemExit(f"A process has ended; see the logs in {stack.data}")


def _address() -> str:
    """This machine's address in the local network: the source address of an outgoing packet."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # documentation range; connecting UDP sends nothing
        except OSError:
            return "this-machine"
        address: str = probe.getsockname()[0]
        return address
