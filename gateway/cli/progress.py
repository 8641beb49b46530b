"""A line in the terminal that says how far something is."""

import sys
import time
from dataclasses import dataclass, field
from typing import TextIO

BAR = 30


@dataclass
class ProgressBar:
    """On a terminal one line that changes, elsewhere a line whenever it has changed much."""

    total: int
    what: str
    out: TextIO = field(default_factory=lambda: sys.stderr)
    _begun: float = field(default_factory=time.monotonic)
    _first: int | None = None
    _told: int = -1

    def show(self, done: int, failed: int = 0, note: str = "") -> None:
        if self._first is None:
            self._first = done
        text = line(self.total, done, failed, self._left(done), self.what, note)
        if self.out.isatty():
            self.out.write(f"\r\x1b[K{text}")
        elif done != self._told and (done in (0, self.total) or done - self._told >= self._step):
            self.out.write(f"{text}\n")
            self._told = done
        self.out.flush()

    def end(self) -> None:
        if self.out.isatty():
            self.out.write("\n")

    @property
    def _step(self) -> int:
        return max(1, self.total // 20)

    def _left(self, done: int) -> float | None:
        new = done - (self._first or 0)
        took_s = time.monotonic() - self._begun
        return (self.total - done) * took_s / new if new > 0 else None


def line(
    total: int, done: int, failed: int, left_s: float | None, what: str, note: str = ""
) -> str:
    filled = BAR * done // total if total else BAR
    text = f"[{'#' * filled}{' ' * (BAR - filled)}] {done}/{total} {what}"
    if failed:
        text += f", {failed} failed"
    if left_s is not None and done < total:
        minutes, seconds = divmod(int(left_s), 60)
        hours, minutes = divmod(minutes, 60)
        text += f", {hours}:{minutes:02}:{seconds:02} left"
    return f"{text} ({note})" if note else text
