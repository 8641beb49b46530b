"""Which replica does worse than it should, by the answers it gave: passive ejection. Pure; times in
seconds of any one clock. What a probe sees is not here."""

from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Protocol

# The last answers that are looked at, and for how long they count.
REMEMBERED = 20
MEMORY_S = 60.0
# Half of the last answers failed, of at least so many: catches what fails every other time.
FAILED_SHARE, FAILED_OF = 0.5, 10
# Medians of fewer are luck. A replica that is slower by less than this disturbs nobody.
SLOW_OF = 5
SLOW_BY_S = 0.1


@dataclass(frozen=True)
class Limits:
    """When a replica is left alone, and for how long."""

    failures: int = 3
    """In a row."""
    slow_factor: float = 4.0
    """Times the median of its peers; 0: slowness is not looked at."""
    first_s: float = 5.0
    longest_s: float = 40.0
    share: float = 0.5
    """At most so much of the ready replicas: the rest would be crushed, and may not be at fault."""


class Health:
    """The recent answers of one replica."""

    def __init__(self) -> None:
        self._results: deque[tuple[float, bool]] = deque(maxlen=REMEMBERED)
        self._first_bytes: deque[tuple[float, float]] = deque(maxlen=REMEMBERED)
        self._paces: deque[tuple[float, float]] = deque(maxlen=REMEMBERED)
        self._in_a_row = 0
        self._why = ""
        self._times_ejected = 0
        self._until = 0.0
        self._on_probation = False

    def ejected(self, now: float) -> bool:
        return now < self._until

    def on_probation(self, now: float) -> bool:
        """Readmitted, and has not answered since: one question at a time finds out."""
        return self._on_probation and not self.ejected(now)

    def succeeded(self, now: float, first_byte_s: float, pace_s: float | None) -> None:
        """`pace_s`: seconds a piece of the answer after its first, if it had several."""
        self._in_a_row = 0
        self._on_probation = False
        self._results.append((now, True))
        self._first_bytes.append((now, first_byte_s))
        if pace_s is not None:
            self._paces.append((now, pace_s))

    def failed(self, now: float, why: str) -> None:
        self._in_a_row += 1
        self._why = why
        self._results.append((now, False))

    def verdict(self, now: float, peers: Sequence["Health"], limits: Limits) -> str | None:
        """Why this replica should be ejected, or None."""
        if self._on_probation and self._in_a_row:
            return self._why
        if self._in_a_row >= limits.failures:
            return self._why
        recent = [good for at, good in self._results if at > now - MEMORY_S]
        often = recent.count(False) >= FAILED_SHARE * len(recent)
        if self._in_a_row and len(recent) >= FAILED_OF and often:
            return self._why
        return "slow" if limits.slow_factor and self._slow(now, peers, limits) else None

    def eject(self, now: float, limits: Limits) -> float:
        """Leave it alone; answers for how many seconds: twice as long as the last time."""
        if now > self._until + limits.longest_s:  # it has done well for long
            self._times_ejected = 0
        length_s = min(limits.first_s * 2.0**self._times_ejected, limits.longest_s)
        self._times_ejected += 1
        self._until = now + length_s
        self._on_probation = True
        self._in_a_row = 0
        for history in (self._results, self._first_bytes, self._paces):
            history.clear()
        return length_s

    def _slow(self, now: float, peers: Sequence["Health"], limits: Limits) -> bool:
        for own, others in (
            (self._first_bytes, [peer._first_bytes for peer in peers]),
            (self._paces, [peer._paces for peer in peers]),
        ):
            mine = _typical(own, now)
            theirs = [typical for other in others if (typical := _typical(other, now)) is not None]
            if mine is None or not theirs:
                continue
            usual = median(theirs)
            if mine > limits.slow_factor * usual and mine > usual + SLOW_BY_S:
                return True
        return False


def _typical(times: Collection[tuple[float, float]], now: float) -> float | None:
    recent = [value for at, value in times if at > now - MEMORY_S]
    return median(recent) if len(recent) >= SLOW_OF else None


class Member(Protocol):
    ready: bool
    health: Health


def may_eject(members: Sequence[Member], now: float, limits: Limits) -> bool:
    """Whether one more of the ready replicas may be ejected without exceeding the share."""
    ready = [member for member in members if member.ready]
    ejected = sum(member.health.ejected(now) for member in ready)
    return ejected + 1 <= limits.share * len(ready)
