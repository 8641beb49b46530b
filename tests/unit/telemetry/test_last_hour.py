"""The last hour by minutes, out of the metrics that a gateway counts anyway."""

from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Gauge, Histogram

from gateway.log import interaction
from gateway.log.interaction import Interaction
from gateway.log.outbox.metrics import OutboxMetrics
from gateway.log.request_metrics import RequestMetrics
from gateway.telemetry.last_hour import MINUTES, LastHour
from gateway.telemetry.snapshot import quantile, read

# What the requests' own clock says: a pause of the machine is no part of what they took.
NOW_S = 1_000.0


class Clocked:
    """A gateway's metrics, and a clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 630.0
        self.registry = CollectorRegistry()
        self.requests = RequestMetrics(self.registry)
        self.outbox = OutboxMetrics(self.registry)
        self.hour = LastHour(self.registry, lambda: self.now)
        self.hour.tick()

    def finish(self, ms: float = 5, **fields: Any) -> None:
        known = {"outcome": "answered", "cache": "miss", "revision": "r1", **fields}
        self.requests.in_flight.inc()
        self.requests.finished(Interaction("id", started=NOW_S - ms / 1000, **known))

    def at(self, seconds: float) -> None:
        self.now = seconds
        self.hour.tick()

    def next_minute(self) -> None:
        """As a tick at its very beginning, and then its middle."""
        self.at(self.now // 60 * 60 + 60)
        self.now += 30

    def minutes(self) -> list[dict[str, Any]]:
        self.hour.tick()
        found: list[dict[str, Any]] = self.hour.wire({})["minutes"]
        return found


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> Clocked:
    monkeypatch.setattr(interaction, "time", SimpleNamespace(monotonic=lambda: NOW_S))
    return Clocked()


def test_each_request_is_in_its_own_minute(gateway: Clocked) -> None:
    gateway.finish()
    gateway.at(650)
    gateway.finish()
    gateway.next_minute()
    gateway.finish(outcome="failed", cache=None)
    assert [(m["at"], m["requests"], m["failed"]) for m in gateway.minutes()] == [
        (600, 2, 0),
        (660, 1, 1),
    ]


def test_what_waits_for_no_shopper_is_left_out(gateway: Clocked) -> None:
    gateway.finish(route="batch /v1/ask")
    assert gateway.minutes()[-1]["requests"] == 0


def test_the_share_from_the_cache_is_that_of_answers(gateway: Clocked) -> None:
    for cache in ("hit", "stale", "joined", "miss"):
        gateway.finish(cache=cache)
    gateway.finish(cache=None, outcome="refused")
    assert gateway.minutes()[-1]["from_cache"] == 0.75


def test_a_minute_without_answers_has_no_times(gateway: Clocked) -> None:
    (minute,) = gateway.minutes()
    assert (minute["p50_ms"], minute["p99_ms"], minute["from_cache"]) == (None, None, None)


def test_times_are_those_of_the_minute(gateway: Clocked) -> None:
    for _ in range(100):
        gateway.finish(ms=700)
    gateway.next_minute()
    for _ in range(100):
        gateway.finish(ms=3)
    slow, fast = gateway.minutes()
    assert 600 <= slow["p50_ms"] <= 750
    assert 2.5 <= fast["p99_ms"] <= 5


def test_the_worst_moment_of_a_minute_is_kept(gateway: Clocked) -> None:
    replicas = Gauge("gateway_pool_replicas", "", ["state"], registry=gateway.registry)
    replicas.labels("ready").set(1)
    gateway.outbox.lag_s.set(40)
    gateway.at(640)
    replicas.labels("ready").set(2)
    gateway.outbox.lag_s.set(0)
    gateway.at(650)
    (minute,) = gateway.minutes()
    assert (minute["lag_s"], minute["replicas"]) == (40, {"ready": 1})
    gateway.next_minute()
    assert gateway.minutes()[-1]["replicas"] == {"ready": 2}


def test_no_more_than_an_hour_is_kept(gateway: Clocked) -> None:
    for _ in range(100):
        gateway.finish()
        gateway.next_minute()
    gateway.finish()
    minutes = gateway.minutes()
    assert len(minutes) == MINUTES
    assert {each["requests"] for each in minutes} == {1}


def test_revisions_are_told_apart(gateway: Clocked) -> None:
    gateway.finish(ms=20)
    gateway.finish(revision="r2", outcome="failed", cache=None)
    gateway.hour.tick()
    told = {
        each["revision"]: each for each in gateway.hour.wire({"r2": 0.1, "r3": 0.9})["revisions"]
    }
    assert [(name, each["weight"]) for name, each in told.items()] == [
        ("r1", None),
        ("r2", 0.1),
        ("r3", 0.9),
    ]
    assert (told["r1"]["requests"], told["r1"]["failed"]) == (1, 0)
    assert 10 <= told["r1"]["p99_ms"] <= 25
    assert (told["r2"]["requests"], told["r2"]["failed"]) == (1, 1)
    assert told["r3"]["requests"] == 0


@pytest.mark.parametrize(("share", "seconds"), [(0.5, 0.75), (0.25, 0.5), (0.99, 1.0), (1.0, 1.0)])
def test_a_quantile_is_reckoned_as_prometheus_does(share: float, seconds: float) -> None:
    before = {0.5: 10.0, 1.0: 10.0, float("inf"): 10.0}
    after = {0.5: 35.0, 1.0: 85.0, float("inf"): 110.0}
    # 25 up to 0.5 s, 50 up to 1 s, 25 that took longer.
    assert quantile(share, before, after) == seconds


def test_buckets_are_read_as_they_are_counted() -> None:
    registry = CollectorRegistry()
    labels = ["route", "cache"]
    times = Histogram("gateway_request_seconds", "", labels, registry=registry, buckets=(1, 2))
    times.labels("/v1/ask", "hit").observe(0.5)
    times.labels("/v1/ask", "miss").observe(1.5)
    times.labels("/v1/images", "").observe(1.5)
    assert read(registry.collect()).answer_s == {1.0: 1, 2.0: 2, float("inf"): 2}
