"""`shopsight run` as a process of its own, as somebody starts it in a terminal."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from gateway.cli.embedded import free_port
from tests.support.servers import wait_until

START_TIMEOUT_S = 120


@dataclass
class Running:
    """The command, and what it has said so far."""

    process: subprocess.Popen[str]
    port: int
    said: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def pid(self, module: str) -> int | None:
        """Of its child that serves `module`."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        for pid in children.read_text().split():
            if f"\0{module}\0" in Path(f"/proc/{pid}/cmdline").read_text():
                return int(pid)
        return None

    def kill(self, module: str) -> None:
        """With SIGKILL, and wait until another one runs."""
        killed = self.pid(module)
        assert killed is not None
        os.kill(killed, signal.SIGKILL)
        wait_until(f"another {module}", lambda: self.pid(module) not in (None, killed))

    def has_said(self, text: str) -> bool:
        return any(text in line for line in self.said)


@contextmanager
def shopsight_run(folder: Path, *arguments: str, **environment: str) -> Iterator[Running]:
    """Start it in `folder`, wait until it is up, and stop it as Ctrl-C does."""
    port = free_port()
    command = [sys.executable, "-P", "-m", "gateway.cli", "run", "--port", str(port)]
    command += arguments
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # What runs in a shell's background ignores Ctrl-C, and so would all that it starts.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    running = Running(process, port)

    def listen() -> None:
        assert process.stdout is not None
        running.said.extend(iter(process.stdout.readline, ""))

    listener = threading.Thread(target=listen)
    listener.start()
    try:
        wait_until(
            "shopsight run",
            lambda: running.has_said("is up") or process.poll() is not None,
            START_TIMEOUT_S,
        )
        assert process.poll() is None, running.said
        yield running
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
        listener.join()
