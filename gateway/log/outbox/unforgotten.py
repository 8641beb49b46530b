"""Erased events in spools whose answers could not be taken out of the answer cache: for how long
they are read past, so that they hold up nobody else's."""

import time
from collections.abc import Callable, Iterable

from gateway.log.outbox.spool import Spool, SpooledEvent

# One attempt in so long, for all of them: where Redis hangs, each costs seconds.
RETRY_S = 1.0


class Unforgotten:
    """Kept in memory: after a restart they are simply read again."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._due = 0.0  # monotonic
        self._of: dict[Spool, set[int]] = {}

    @property
    def due(self) -> bool:
        """Whether the cache may be asked."""
        return self._now() >= self._due

    def postpone(self) -> None:
        """The cache was asked in vain."""
        self._due = self._now() + RETRY_S

    def keep(self, spool: Spool, events: Iterable[SpooledEvent]) -> None:
        self._of.setdefault(spool, set()).update(spooled.seq for spooled in events)

    def not_due(self, spool: Spool) -> list[int]:
        return [] if self.due else list(self._of.get(spool, ()))

    def clear(self, spool: Spool, done: Iterable[SpooledEvent]) -> None:
        """They have left the spool, which may give their numbers to others."""
        if kept := self._of.get(spool):
            kept.difference_update(spooled.seq for spooled in done)
            if not kept:
                del self._of[spool]
