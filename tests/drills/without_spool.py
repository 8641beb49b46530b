"""A gateway as others build it, for the control of the drills: answers are acknowledged while their
rows are still in the process's memory, on their way to the database."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from gateway.__main__ import main
from gateway.log.outbox import spool_folder
from gateway.log.outbox.spool import SpooledEvent


class MemorySpool:
    """The spool's interface, without the file."""

    torn_frames = 0
    fsyncs = False

    def __init__(self, folder: Path, lock: int, durability: str) -> None:
        self.folder = folder
        self._lock = lock
        self._number = 0
        self._events: dict[int, SpooledEvent] = {}

    @property
    def depth(self) -> int:
        return len(self._events)

    @property
    def size(self) -> int:
        return 0

    def append(self, events: Sequence[str], wait: bool = True) -> None:
        for event in events:
            self._number += 1
            self._events[self._number] = SpooledEvent(self._number, 0.0, event)

    def oldest(self, limit: int, skipped: Iterable[int] = ()) -> list[SpooledEvent]:
        return [self._events[seq] for seq in list(self._events)[:limit] if seq not in set(skipped)]

    def remove(self, done: Sequence[SpooledEvent]) -> None:
        for spooled in done:
            del self._events[spooled.seq]

    def maintain(self) -> None:
        pass

    def reopen_writers(self) -> None:
        pass

    def close(self) -> None:
        os.close(self._lock)


spool_folder.Spool = MemorySpool  # type: ignore[assignment,misc]

if __name__ == "__main__":
    main(forwarder_apart=False)  # another process could not read this one's memory
