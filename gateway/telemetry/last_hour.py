"""The last hour of a gateway, minute by minute, in its own memory: for who has no Prometheus. It
reads what is counted anyway, every ten seconds, so that no request pays for it."""

import asyncio
import itertools
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from prometheus_client import CollectorRegistry

from gateway.telemetry.snapshot import NAMES, OfRevision, Snapshot, quantile, read

# A tick takes 3 ms of the event loop (30 kinds of requests, a busy machine), and an hour 650 kB.
TICK_S = 10.0
MINUTES = 60


class LastHour:
    def __init__(self, registry: CollectorRegistry, clock: Callable[[], float] = time.time) -> None:
        """`clock`: seconds since 1970."""
        self._metrics = registry.restricted_registry(NAMES)
        self._clock = clock
        # The last one of each minute. What is so at any moment is the worst of that minute.
        self._ends: deque[tuple[int, Snapshot]] = deque(maxlen=MINUTES + 1)

    async def run(self) -> None:
        """Read until cancelled, at the end of each minute among others."""
        while True:
            self.tick()
            await asyncio.sleep(TICK_S - self._clock() % TICK_S)

    def tick(self) -> None:
        # At the very beginning of a minute it is the one before that has ended.
        now, snapshot = int((self._clock() - 1) // 60), read(self._metrics.collect())
        if not self._ends:  # what had been counted before is no minute's
            self._ends.append((now - 1, snapshot))
        minute, last = self._ends[-1]
        if minute == now:
            self._ends.pop()
            snapshot.waiting = max(snapshot.waiting, last.waiting)
            snapshot.lag_s = max(snapshot.lag_s, last.lag_s)
            if last.replicas and last.replicas["ready"] < snapshot.replicas.get("ready", 0):
                snapshot.replicas = last.replicas
        self._ends.append((now, snapshot))

    def wire(self, weights: Mapping[str, float]) -> dict[str, Any]:
        """As JSON: the minutes, the oldest first, the last one still running, and the revisions
        over all of them. `weights`: shares of callers in force."""
        ends = list(self._ends)
        minutes = [
            _minute(now, before, after) for (_, before), (now, after) in itertools.pairwise(ends)
        ]
        first, last = (ends[0][1], ends[-1][1]) if ends else (Snapshot(), Snapshot())
        return {
            "minutes": minutes,
            "revisions": [
                {
                    "revision": revision,
                    "weight": weights.get(revision),
                    **_revision(
                        first.revisions.get(revision, OfRevision()),
                        last.revisions.get(revision, OfRevision()),
                    ),
                }
                for revision in sorted({*last.revisions, *weights})
            ],
        }


def _minute(minute: int, before: Snapshot, after: Snapshot) -> dict[str, Any]:
    answers = after.answers - before.answers
    return {
        "at": minute * 60,
        "requests": after.requests - before.requests,
        "failed": after.failed - before.failed,
        "p50_ms": _ms(quantile(0.5, before.answer_s, after.answer_s)),
        "p99_ms": _ms(quantile(0.99, before.answer_s, after.answer_s)),
        "from_cache": (after.from_cache - before.from_cache) / answers if answers else None,
        "waiting": after.waiting,
        "replicas": after.replicas,
        "lag_s": round(after.lag_s, 1),
    }


def _revision(before: OfRevision, after: OfRevision) -> dict[str, Any]:
    return {
        "requests": after.requests - before.requests,
        "failed": after.failed - before.failed,
        "p99_ms": _ms(quantile(0.99, before.computed_s, after.computed_s)),
        "up": after.up - before.up,
        "down": after.down - before.down,
    }


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 1)
