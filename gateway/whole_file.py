"""A file that somebody named for what a command writes: whole, or not there."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole_file(target: Path) -> Iterator[Path]:
    """The file to write to. It takes the target's name at the end, and goes where that fails.

    A device or a pipe, such as /dev/stdout, is written to as it is: renamed over, it would be a
    file from then on, for everybody on the machine. So would a link: the file it leads to is it."""
    if target.exists() and not target.is_file():
        yield target
        return
    target = target.resolve()
    partial = target.with_name(f"{target.name}.{os.getpid()}.part")
    try:
        yield partial
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
