"""An hour of a gateway with a canary, for pictures of administration's page. Requests are invented,
what is told of them is counted and judged by the product itself."""

import logging
import random
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge

from gateway.canary.figures import BLOCK_S, SideFigures
from gateway.canary.judge import JudgedCanary
from gateway.canary.record import Entry, newest_canary
from gateway.canary.verdict import PROMOTE_AFTER, Trial
from gateway.log.interaction import Interaction
from gateway.log.outbox.metrics import OutboxMetrics
from gateway.log.request_metrics import RequestMetrics
from gateway.telemetry.last_hour import MINUTES, LastHour

OLD, NEW = "v1.0-qwen3vl8b", "v1.1-qwen3vl8b"
SHARE = 0.1
# The canary began so many minutes ago.
CANARY_MINUTES = 24
A_MINUTE = 140
FAILS = {OLD: 0.002, NEW: 0.006}
SLOW_MS = 360.0


def last_hour() -> dict[str, Any]:
    """As GET /admin/last-hour answers."""
    logging.getLogger("shopsight.request").setLevel(logging.WARNING)
    chance = random.Random(18)
    registry = CollectorRegistry()
    requests, outbox = RequestMetrics(registry), OutboxMetrics(registry)
    votes = Counter("gateway_votes", "", ["revision", "vote"], registry=registry)
    waiting = Gauge("gateway_pool_waiting", "", registry=registry)
    replicas = Gauge("gateway_pool_replicas", "", ["state"], registry=registry)
    end = time.time() // 60 * 60 - 20
    now = end - 60 * MINUTES
    hour = LastHour(registry, lambda: now)
    hour.tick()
    trial, sides, judged = Trial(), {OLD: SideFigures(), NEW: SideFigures()}, None
    for minute in range(MINUTES):
        now = end - 60 * (MINUTES - 1 - minute)
        replicas.labels("ready").set(2 if 18 <= minute < 21 else 3)
        waiting.set(max(0, int(chance.gauss(-1, 3))) + (9 if 18 <= minute < 21 else 0))
        outbox.lag_s.set(abs(chance.gauss(0.1, 0.15)))
        both = minute >= MINUTES - CANARY_MINUTES
        for _ in range(60 // BLOCK_S):
            block = {OLD: SideFigures(), NEW: SideFigures()}
            for _ in range(int(A_MINUTE * chance.gauss(1, 0.12) * BLOCK_S / 60)):
                revision = NEW if both and chance.random() < SHARE else OLD
                block[revision] += _one(revision, chance, requests, votes)
            if both:
                verdict = trial.add(block[OLD].block(), block[NEW].block())
                sides = {name: sides[name] + block[name] for name in sides}
                seconds = 60 * (minute - MINUTES + CANARY_MINUTES + 1)
                judged = JudgedCanary(verdict, sides[OLD], sides[NEW], seconds)
        hour.tick()
    assert judged is not None
    weights = {OLD: 1 - SHARE, NEW: SHARE}
    return hour.wire(weights) | {"canary": _canary(end, weights, judged)}


def _one(
    revision: str, chance: random.Random, requests: RequestMetrics, votes: Counter
) -> SideFigures:
    failed, hit = chance.random() < FAILS[revision], chance.random() < 0.62
    ms = chance.uniform(1, 5) if hit else chance.lognormvariate(5.3, 0.35)
    told = {"outcome": "failed"} if failed else {"outcome": "answered"}
    cache = None if failed else "hit" if hit else "miss"
    started = time.monotonic() - ms / 1000
    requests.in_flight.inc()
    requests.finished(Interaction("id", started=started, cache=cache, revision=revision, **told))
    voted, down = not failed and chance.random() < 0.08, chance.random() < 0.18
    if voted:
        votes.labels(revision, "down" if down else "up").inc()
    computed = not failed and not hit
    return SideFigures(
        requests=int(not hit),
        failed=int(failed and not hit),
        computed=int(computed),
        slow=int(computed and ms > SLOW_MS),
        votes=int(voted),
        down=int(voted and down),
    )


def _canary(end: float, weights: dict[str, float], judged: JudgedCanary) -> dict[str, Any]:
    """As `Canarying.last_known` tells one."""
    told = {
        "baseline": OLD,
        "candidate": NEW,
        "share": SHARE,
        "promote": True,
        "promote_after": PROMOTE_AFTER,
        "slow_ms": SLOW_MS,
    }
    begun = datetime.fromtimestamp(end, UTC) - timedelta(minutes=CANARY_MINUTES)
    canary = newest_canary(
        [
            Entry(1, begun, "ops:lin", "started", told),
            Entry(2, begun + timedelta(minutes=9), "ops:lin", "warmed", {}),
        ]
    )
    assert canary is not None
    return {
        "canary": canary.wire(),
        "figures": judged.wire(),
        "weights": weights,
        "log": [entry.wire() for entry in canary.entries],
        "log_available": True,
    }
