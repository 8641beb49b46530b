"""When to retry events that the database has refused, and when to give one up. Decides only: the
forwarder sends the events and stores dead letters."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from gateway.log.outbox.spool import Spool, SpooledEvent

ATTEMPTS = 5
# Before the second attempt, then twice as long each time: 0.2 + 0.4 + 0.8 + 1.6 = 3 s in all.
FIRST_DELAY_S = 0.2
# Retry interval of an event that cannot be stored as a dead letter either.
STUCK_DELAY_S = 10.0


@dataclass
class _Refused:
    attempts: int = 0
    retry_at: float = 0.0  # monotonic


class RetrySchedule:
    """Kept in memory: after a restart an event gets five attempts again."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._of_spool: dict[Spool, dict[int, _Refused]] = {}

    def record_refusal(self, spool: Spool, spooled: SpooledEvent) -> int | None:
        """Count a refusal. Returns the number of attempts if this was the last one, else None."""
        refused = self._of_spool.setdefault(spool, {}).setdefault(spooled.seq, _Refused())
        refused.attempts += 1
        last = refused.attempts >= ATTEMPTS
        delay = STUCK_DELAY_S if last else FIRST_DELAY_S * 2 ** (refused.attempts - 1)
        refused.retry_at = self._now() + delay
        return refused.attempts if last else None

    def not_due(self, spool: Spool) -> list[int]:
        """The `seq`s of refused events whose next attempt lies in the future."""
        now = self._now()
        events = self._of_spool.get(spool, {})
        return [seq for seq, refused in events.items() if refused.retry_at > now]

    def discard(self, spool: Spool, removed: Iterable[SpooledEvent]) -> None:
        """Forget events that have left the spool, as rows or as dead letters."""
        if events := self._of_spool.get(spool):
            for spooled in removed:
                events.pop(spooled.seq, None)
            if not events:
                del self._of_spool[spool]
