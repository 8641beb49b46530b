"""Passive health checks: ejects a replica by the answers that it gave. Pure, with times in seconds
of any one clock. It does not see probes."""

from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Protocol

# Only so many of the last answers count, and only for so long.
HISTORY_LENGTH = 20
HISTORY_S = 60.0
# Eject when this share of at least so many answers failed: it catches every other one failing.
MAX_FAILED_SHARE = 0.5
MIN_ANSWERS_FOR_SHARE = 10
# The median of fewer answers is chance. Shoppers do not notice a smaller delay than this.
MIN_ANSWERS_FOR_MEDIAN = 5
MIN_SLOWDOWN_S = 0.1


@dataclass(frozen=True)
class EjectionPolicy:
    """When a replica is ejected, and for how long."""

    consecutive_failures: int = 3
    slow_factor: float = 4.0
    """Ejected when so many times slower than the median of its peers; 0: never for slowness."""
    first_ejection_s: float = 5.0
    max_ejection_s: float = 40.0
    max_ejected_share: float = 0.5
    """Of the ready replicas. More would overload the rest, and the cause may lie elsewhere."""


class Health:
    """The recent answers of one replica, and its ejection."""

    def __init__(self) -> None:
        # Each entry: the time of the answer, and whether it succeeded or how long it took.
        self._successes: deque[tuple[float, bool]] = deque(maxlen=HISTORY_LENGTH)
        self._first_bytes_s: deque[tuple[float, float]] = deque(maxlen=HISTORY_LENGTH)
        self._intervals_s: deque[tuple[float, float]] = deque(maxlen=HISTORY_LENGTH)
        self._consecutive_failures = 0
        self._last_failure = ""
        self._times_ejected = 0
        self._ejected_until = 0.0
        self._unproven = False

    def ejected(self, now: float) -> bool:
        return now < self._ejected_until

    def ejected_for_s(self, now: float) -> float:
        """How much longer; 0 when it is not ejected."""
        return max(0.0, self._ejected_until - now)

    def half_open(self, now: float) -> bool:
        """Whether its ejection is over, and no answer has succeeded since. Like a half-open circuit
        breaker it then gets one question at a time."""
        return self._unproven and not self.ejected(now)

    def record_success(
        self, now: float, first_byte_s: float | None, interval_s: float | None
    ) -> None:
        """`interval_s`: mean time between pieces of the answer; None when it had only one. Both are
        None for the batch lane, whose times say nothing of the replica."""
        self._consecutive_failures = 0
        self._unproven = False
        self._successes.append((now, True))
        if first_byte_s is not None:
            self._first_bytes_s.append((now, first_byte_s))
        if interval_s is not None:
            self._intervals_s.append((now, interval_s))

    def record_failure(self, now: float, reason: str) -> None:
        self._consecutive_failures += 1
        self._last_failure = reason
        self._successes.append((now, False))

    def ejection_reason(
        self, now: float, peers: Sequence["Health"], policy: EjectionPolicy
    ) -> str | None:
        """Why this replica should be ejected; None when it should not."""
        if self._unproven and self._consecutive_failures:
            return self._last_failure
        if self._consecutive_failures >= policy.consecutive_failures:
            return self._last_failure
        recent = [success for at, success in self._successes if at > now - HISTORY_S]
        fails_often = recent.count(False) >= MAX_FAILED_SHARE * len(recent)
        if self._consecutive_failures and len(recent) >= MIN_ANSWERS_FOR_SHARE and fails_often:
            return self._last_failure
        return "slow" if policy.slow_factor and self._slow(now, peers, policy) else None

    def eject(self, now: float, policy: EjectionPolicy) -> float:
        """Eject it; returns for how many seconds. Each time lasts twice as long as the one before,
        until it has gone `max_ejection_s` without another."""
        if now > self._ejected_until + policy.max_ejection_s:
            self._times_ejected = 0
        length_s = min(policy.first_ejection_s * 2.0**self._times_ejected, policy.max_ejection_s)
        self._times_ejected += 1
        self._ejected_until = now + length_s
        self._unproven = True
        self._consecutive_failures = 0
        for history in (self._successes, self._first_bytes_s, self._intervals_s):
            history.clear()
        return length_s

    def _slow(self, now: float, peers: Sequence["Health"], policy: EjectionPolicy) -> bool:
        for own_times, peer_times in (
            (self._first_bytes_s, [peer._first_bytes_s for peer in peers]),
            (self._intervals_s, [peer._intervals_s for peer in peers]),
        ):
            own = _recent_median(own_times, now)
            medians = [_recent_median(times, now) for times in peer_times]
            of_peers = [value for value in medians if value is not None]
            if own is None or not of_peers:
                continue
            normal = median(of_peers)
            if own > policy.slow_factor * normal and own > normal + MIN_SLOWDOWN_S:
                return True
        return False


def _recent_median(times: Collection[tuple[float, float]], now: float) -> float | None:
    recent = [value for at, value in times if at > now - HISTORY_S]
    return median(recent) if len(recent) >= MIN_ANSWERS_FOR_MEDIAN else None


class Member(Protocol):
    ready: bool
    health: Health


def may_eject(members: Sequence[Member], now: float, policy: EjectionPolicy) -> bool:
    """Whether one more of the ready replicas may be ejected under `max_ejected_share`."""
    ready = [member for member in members if member.ready]
    ejected = sum(member.health.ejected(now) for member in ready)
    return ejected + 1 <= policy.max_ejected_share * len(ready)
