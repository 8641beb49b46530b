"""Python processes of tests, forked from one that has imported what they need: a gateway's imports
take two seconds of CPU, and the tests start hundreds of processes.

What is forked has an environment, an output, signals and an end of its own, like any other process.
`make drills` and the embedded stack start theirs from nothing, as in production."""

import atexit
import gc
import json
import os
import pkgutil
import runpy
import signal
import socket
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable
from functools import cache
from importlib import import_module
from tempfile import TemporaryFile
from typing import Any

from contract.pixels.jobs import warm_up
from gateway.moderation.text import TextPolicy
from tests.support import ROOT

# What gateways, workers, commands and stub replicas import; not the modules that they are, which
# each runs as its own.
PRELOADED = (
    "alembic.command",
    "contract.pixels.jobs",
    "contract.sse",
    "gateway.api.server",
    "gateway.app",
    "gateway.images.jobs",
    "gateway.worker",
    "pymysql",
    "sqlalchemy.dialects.mysql.pymysql",
    "sqlalchemy.dialects.sqlite",
    "starlette.applications",
    "uvicorn",
    "uvloop",
)
# Of who waits for the end of a process.
LOOK_EVERY_S = 0.01
# No command of a test takes longer.
RUN_S = 120
# Set where pytest begins: `make drills` and benchmarks time starts that are those of production.
wanted = False


class Forked:
    """A process, with those parts of subprocess.Popen's face that tests use."""

    def __init__(self, pid: int, ask: Callable[..., int | None]) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._ask = ask

    def poll(self) -> int | None:
        if self.returncode is None:
            self.returncode = self._ask({"ended": self.pid})
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        deadline = time.monotonic() + (timeout if timeout is not None else float("inf"))
        while (code := self.poll()) is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
            time.sleep(LOOK_EVERY_S)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class _Client:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._socket, theirs = socket.socketpair()
        with theirs:
            number = theirs.fileno()
            command = [sys.executable, "-m", "tests.support.fork_server", str(number)]
            subprocess.Popen(command, cwd=ROOT, pass_fds=[number], stdin=subprocess.DEVNULL)
        atexit.register(self._socket.close)  # which ends it

    def ask(self, message: dict[str, Any], files: tuple[int, ...] = ()) -> int | None:
        with self._lock:
            socket.send_fds(self._socket, [json.dumps(message).encode() + b"\n"], files)
            return json.loads(_line(lambda: self._socket.recv(4096)))


@cache
def _client() -> _Client:
    return _Client()


def start(
    module: str,
    *arguments: str,
    env: dict[str, str],
    stdout: int,
    stderr: int,
    kept: int | None = None,
) -> Forked:
    """`python -m module …` from the project's folder, its output into these open files. `kept`: one
    more that it inherits, whose number is its last argument."""
    message = {"module": module, "arguments": arguments, "env": env}
    files = (stdout, stderr) if kept is None else (stdout, stderr, kept)
    pid = _client().ask(message, files)
    assert pid is not None
    return Forked(pid, _client().ask)


def launch_helpers(command: list[str], environment: dict[str, str], descriptor: int) -> Forked:
    """What contract.sandbox.spawning.launch does, of which each gateway of a test would take a
    quarter of a second of CPU."""
    module, *arguments = command[command.index("-m") + 1 :]
    return start(module, *arguments, env=environment, stdout=1, stderr=2, kept=descriptor)


def run(module: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """`python -m module …` to its end, and what it said."""
    env = {**os.environ, **environment}
    with TemporaryFile("w+") as out, TemporaryFile("w+") as err:
        process = start(module, *arguments, env=env, stdout=out.fileno(), stderr=err.fileno())
        code = process.wait(RUN_S)
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess((module, *arguments), code, out.read(), err.read())


def _line(receive: Callable[[], bytes]) -> bytes:
    """One message; empty when the other end has gone."""
    line = b""
    while not line.endswith(b"\n") and (part := receive()):
        line += part
    return line


def _serve(connection: socket.socket) -> dict[str, Any]:
    """Fork as it is told, until the client has gone. Returns in each child, what it is to be."""
    files: list[int] = []
    codes: dict[int, int] = {}

    def receive() -> bytes:
        part, came, *_ = socket.recv_fds(connection, 65536, 3)
        files.extend(came)
        return part

    while line := _line(receive):
        message: dict[str, Any] = json.loads(line)
        answer: int | None
        if "ended" in message:
            answer = _exit_code(message["ended"], codes)
        else:
            answer = os.fork()
            codes.pop(answer, None)
            if answer == 0:
                connection.close()
                for number, file in enumerate(files[:2], 1):
                    os.dup2(file, number)
                    os.close(file)
                message["arguments"] += map(str, files[2:])
                return message
        for file in files:
            os.close(file)
        files.clear()
        connection.sendall(json.dumps(answer).encode() + b"\n")
    os._exit(0)


def _exit_code(pid: int, codes: dict[int, int]) -> int | None:
    """None while it runs. Two threads may ask at once, and only one of them can wait for it."""
    if pid not in codes:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if not ended:
            return None
        codes[pid] = os.waitstatus_to_exitcode(status)
    return codes[pid]


def _preload() -> None:
    commands = import_module("gateway.cli")
    names = [found.name for found in pkgutil.iter_modules(commands.__path__, "gateway.cli.")]
    for name in (*PRELOADED, *names):
        if not name.endswith("__main__"):
            import_module(name)
    warm_up()
    TextPolicy.load()
    gc.collect()
    gc.freeze()  # so that the collector of a child does not copy what it shares


if __name__ == "__main__":
    _preload()
    _job = _serve(socket.socket(fileno=int(sys.argv[1])))
    os.environ.clear()
    os.environ.update(_job["env"])
    sys.argv[1:] = _job["arguments"]
    # What it is may have been imported for others.
    warnings.filterwarnings("ignore", category=RuntimeWarning, module="runpy")
    runpy.run_module(_job["module"], run_name="__main__", alter_sys=True)
