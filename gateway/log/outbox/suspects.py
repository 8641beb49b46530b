"""Events that the database has refused, between their first refusal and their last: when to try
each again, and when to give up."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from gateway.log.outbox.spool import Spool, SpooledEvent

ATTEMPTS = 5
# Before the second attempt, then twice as long each time: 0.2 + 0.4 + 0.8 + 1.6 = 3 s in all.
FIRST_DELAY_S = 0.2
# An event that cannot even be made a dead letter is tried again so often.
STUCK_DELAY_S = 10.0


@dataclass
class _Suspect:
    attempts: int = 0
    due: float = 0.0  # monotonic


class Suspects:
    """Kept in memory: after a restart an event is simply tried five times more."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._of: dict[Spool, dict[int, _Suspect]] = {}

    def strike(self, spool: Spool, spooled: SpooledEvent) -> int | None:
        """Count a refusal; answers the number of attempts when it was the last."""
        suspect = self._of.setdefault(spool, {}).setdefault(spooled.seq, _Suspect())
        suspect.attempts += 1
        last = suspect.attempts >= ATTEMPTS
        delay = STUCK_DELAY_S if last else FIRST_DELAY_S * 2 ** (suspect.attempts - 1)
        suspect.due = self._now() + delay
        return suspect.attempts if last else None

    def not_due(self, spool: Spool) -> list[int]:
        now = self._now()
        return [seq for seq, suspect in self._of.get(spool, {}).items() if suspect.due > now]

    def clear(self, spool: Spool, done: Iterable[SpooledEvent]) -> None:
        """They are in the database, or buried."""
        if suspects := self._of.get(spool):
            for spooled in done:
                suspects.pop(spooled.seq, None)
            if not suspects:
                del self._of[spool]
