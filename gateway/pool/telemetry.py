"""Metrics of the pool and its replicas."""

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from contract.wire import Priority
from gateway.pool.places import Places

# Seconds. The demo checkpoint sends its first piece after 0.05-0.3 s, an 8B under load after 2 s.
BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


# How the metrics of each lane begin.
LANES: dict[str, tuple[Priority, str]] = {
    "gateway_pool": ("interactive", ""),
    "gateway_pool_batch": ("batch", " of the batch lane"),
}


class ObservedReplica(Protocol):
    url: str
    places: Places

    @property
    def state(self) -> str: ...


Replicas = Callable[[], Sequence[ObservedReplica]]
Waiting = Callable[[Priority], int]


class PoolMetrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self.retries = Counter(
            "gateway_pool_retries",
            "Retries before the first piece: made, or refused by the retry budget.",
            ["result"],
            registry=registry,
        )
        self.failures = Counter(
            "gateway_pool_failures",
            "Failed answers of replicas, by kind.",
            ["kind"],
            registry=registry,
        )
        self.ejections = Counter(
            "gateway_pool_ejections",
            "Ejections of replicas, by reason.",
            ["reason"],
            registry=registry,
        )
        self.shed = Counter(
            "gateway_pool_shed",
            "Questions refused because no replica had capacity.",
            registry=registry,
        )
        self.passed_over = Gauge(
            "gateway_pool_weights_passed_over",
            "1 while no ready replica serves a revision that has a weight, else 0.",
            registry=registry,
        )
        self._first_byte_s = Histogram(
            "gateway_pool_first_byte_seconds",
            "From sending a question to the first piece of its answer.",
            ["replica"],
            registry=registry,
            buckets=BUCKETS,
        )

    def observe_first_byte(self, url: str, seconds: float) -> None:
        self._first_byte_s.labels(url).observe(seconds)

    def forget(self, url: str) -> None:
        """Drop the series of a removed replica: they must not grow with every deployment."""
        self._first_byte_s.remove_by_labels({"replica": url})

    def observe_pool(self, replicas: Replicas, waiting: Waiting) -> None:
        """Report the replicas and the numbers of waiting questions at every scrape."""
        self._registry.register(_PoolCollector(replicas, waiting))


class _PoolCollector(Collector):
    def __init__(self, replicas: Replicas, waiting: Waiting) -> None:
        self._replicas, self._waiting = replicas, waiting

    def describe(self) -> Iterable[Metric]:
        # Only names: registering must not collect, because the pool may not have started.
        names = ["gateway_pool_replicas"]
        names += [f"{lane}_{what}" for lane in LANES for what in ("in_flight", "waiting")]
        return [GaugeMetricFamily(name, name) for name in names]

    def collect(self) -> Iterable[Metric]:
        replicas = self._replicas()
        by_state = GaugeMetricFamily(
            "gateway_pool_replicas", "Replicas: ready, ejected or down.", labels=["state"]
        )
        for state in ("ready", "ejected", "down"):
            by_state.add_metric([state], sum(replica.state == state for replica in replicas))
        yield by_state
        for name, (priority, of) in LANES.items():
            in_flight = GaugeMetricFamily(
                f"{name}_in_flight", f"Questions{of} in flight at each replica.", labels=["replica"]
            )
            for replica in replicas:
                in_flight.add_metric([replica.url], replica.places.taken(priority))
            yield in_flight
            waiting = GaugeMetricFamily(f"{name}_waiting", f"Questions{of} waiting for a replica.")
            waiting.add_metric([], self._waiting(priority))
            yield waiting
