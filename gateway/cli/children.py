"""The processes of the embedded default: each has a log file, and a sentence on why it ended."""

import contextlib
import shutil
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path

# Two files of this size a process: the one that is written, and the one before it.
MAX_LOG_BYTES = 10_000_000
# So many ends within this time are no accident that another start mends.
MAX_ENDS, ENDS_WITHIN_S = 3, 60.0
# Read from the end of a log file, to find its last lines in.
TAIL_BYTES = 16_384
SHOWN_CHARS = 300


class Child:
    """One process, started again by `start`."""

    def __init__(self, module: str, title: str, environment: dict[str, str], log: Path) -> None:
        self.module = module
        self.title = title
        """What a person calls it."""
        self.log = log
        self._environment = environment
        self._ends: deque[float] = deque(maxlen=MAX_ENDS)
        self._begun_at = 0  # where this process's lines begin in the log file
        self.process = self.start()

    def start(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as output:
            self._begun_at = output.tell()
            self.process = subprocess.Popen(
                python("-m", self.module),
                # Unbuffered: its last line is the last that it wrote.
                env={**self._environment, "PYTHONUNBUFFERED": "1"},
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        return self.process

    def has_ended(self) -> bool:
        return self.process.poll() is not None

    def too_often(self, now: float | None = None) -> bool:
        """Count one more end: whether it was the third within a minute."""
        self._ends.append(time.monotonic() if now is None else now)
        return len(self._ends) == MAX_ENDS and self._ends[-1] - self._ends[0] < ENDS_WITHIN_S

    def why_it_ended(self) -> str:
        """One sentence, and the last thing that the process wrote."""
        status = self.process.returncode
        how = f"was killed by {_name(-status)}" if status < 0 else f"ended with status {status}"
        last = self.last_lines(1, of_this_start=True)
        wrote = f" Its last line: {last[0]}" if last else ""
        return f"{self.title} ({self.module}) {how}.{wrote}"

    def last_lines(self, count: int, *, of_this_start: bool = False) -> list[str]:
        """Of the log file; or of what the process has written there since it was started last."""
        try:
            with self.log.open("rb") as file:
                size = file.seek(0, 2)
                wanted = self._begun_at if of_this_start and self._begun_at <= size else 0
                file.seek(max(wanted, size - TAIL_BYTES))
                text = file.read().decode(errors="replace")
        except FileNotFoundError:  # somebody has cleared it away
            return []
        return [line[:SHOWN_CHARS] for line in text.splitlines() if line.strip()][-count:]

    def bound_log(self) -> None:
        """Keep the log file within MAX_LOG_BYTES. The process goes on writing into the same file,
        at its end: what has been written is copied away, then the file is cut. A line that comes
        in between is lost."""
        if not self.log.exists() or self.log.stat().st_size <= MAX_LOG_BYTES:
            return
        with self.log.open("r+b") as file:
            with contextlib.suppress(OSError), older(self.log).open("wb") as old:  # a full disk
                file.seek(-MAX_LOG_BYTES, 2)
                file.readline()  # to where a whole line begins
                shutil.copyfileobj(file, old)
            file.truncate(0)


def stop(children: Sequence[Child], patience_s: float) -> None:
    """What has not ended after `patience_s`, of all of them together, is killed. So is all at once
    at a second Ctrl-C."""
    ends_at = time.monotonic() + patience_s
    try:
        for child in reversed(children):
            child.process.terminate()
        for child in children:
            child.process.wait(max(0.0, ends_at - time.monotonic()))
    except subprocess.TimeoutExpired:
        pass
    finally:
        for child in children:
            child.process.kill()
        for child in children:
            child.process.wait()


def python(*arguments: str) -> list[str]:
    """A command of this interpreter. It imports nothing from the current folder, which is any
    folder of a person's."""
    return [sys.executable, "-P", *arguments]


def older(log: Path) -> Path:
    """The log file before this one."""
    return log.with_name(log.name + ".1")


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
