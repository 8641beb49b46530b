"""Waiting for what takes seconds, asked for by commands that themselves cost a busy machine."""

import time
from collections.abc import Callable

PAUSE_S = 0.5


def patiently(what: str, holds: Callable[[], bool], timeout_s: float) -> None:
    """Raises TimeoutError."""
    deadline = time.monotonic() + timeout_s
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {timeout_s:.0f} s")
        time.sleep(PAUSE_S)
