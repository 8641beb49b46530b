"""Events of erased persons that stay in a spool because their cached answers could not be deleted.
The forwarder skips them until the next attempt, so that they hold up no other event."""

import time
from collections.abc import Callable, Iterable

from gateway.log.outbox.spool import Spool, SpooledEvent

# Time between two attempts for all events together: while Redis hangs, an attempt takes seconds.
RETRY_S = 1.0


class PendingDeletions:
    """Kept in memory: after a restart the events are read again at once."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._retry_at = 0.0  # monotonic
        self._of_spool: dict[Spool, set[int]] = {}

    @property
    def retry_due(self) -> bool:
        """Whether the cache may be tried now."""
        return self._now() >= self._retry_at

    def postpone_retry(self) -> None:
        """Called after an attempt that failed."""
        self._retry_at = self._now() + RETRY_S

    def add(self, spool: Spool, events: Iterable[SpooledEvent]) -> None:
        self._of_spool.setdefault(spool, set()).update(spooled.seq for spooled in events)

    def not_due(self, spool: Spool) -> list[int]:
        """The `seq`s of the events to skip now."""
        return [] if self.retry_due else list(self._of_spool.get(spool, ()))

    def discard(self, spool: Spool, removed: Iterable[SpooledEvent]) -> None:
        """Forget events that have left the spool, which may reuse their `seq`s."""
        if pending := self._of_spool.get(spool):
            pending.difference_update(spooled.seq for spooled in removed)
            if not pending:
                del self._of_spool[spool]
