"""What the pool measures of its replicas."""

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

# Seconds. The demo checkpoint takes 0.05-0.3 s to its first piece, an 8B under load 2 s.
BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Seen(Protocol):
    url: str
    in_flight: int

    @property
    def state(self) -> str: ...


class PoolMetrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self.retries = Counter(
            "gateway_pool_retries",
            "Second tries before the first byte: made, or refused by the budget.",
            ["result"],
            registry=registry,
        )
        self.failures = Counter(
            "gateway_pool_failures", "Answers that broke, by how.", ["kind"], registry=registry
        )
        self.ejections = Counter(
            "gateway_pool_ejections",
            "Replicas left alone, by reason.",
            ["reason"],
            registry=registry,
        )
        self.shed = Counter(
            "gateway_pool_shed", "Questions refused for want of a place.", registry=registry
        )
        self._first_byte_s = Histogram(
            "gateway_pool_first_byte_seconds",
            "Sending a question to the first piece of its answer.",
            ["replica"],
            registry=registry,
            buckets=BUCKETS,
        )

    def first_byte(self, url: str, seconds: float) -> None:
        self._first_byte_s.labels(url).observe(seconds)

    def forget(self, url: str) -> None:
        """An address that is gone: the names of metrics must not grow with every deployment."""
        self._first_byte_s.remove_by_labels({"replica": url})

    def watch(self, replicas: Callable[[], Sequence[Seen]], waiting: Callable[[], int]) -> None:
        """Report these at every scrape."""
        self._registry.register(_PoolCollector(replicas, waiting))


class _PoolCollector(Collector):
    def __init__(self, replicas: Callable[[], Sequence[Seen]], waiting: Callable[[], int]) -> None:
        self._replicas, self._waiting = replicas, waiting

    def describe(self) -> Iterable[Metric]:
        return ()  # nothing to look at before the pool has started

    def collect(self) -> Iterable[Metric]:
        replicas = self._replicas()
        by_state = GaugeMetricFamily(
            "gateway_pool_replicas", "Replicas: ready, ejected or down.", labels=["state"]
        )
        for state in ("ready", "ejected", "down"):
            by_state.add_metric([state], sum(replica.state == state for replica in replicas))
        in_flight = GaugeMetricFamily(
            "gateway_pool_in_flight", "Questions at each replica now.", labels=["replica"]
        )
        for replica in replicas:
            in_flight.add_metric([replica.url], replica.in_flight)
        waiting = GaugeMetricFamily("gateway_pool_waiting", "Questions waiting for a place.")
        waiting.add_metric([], self._waiting())
        return by_state, in_flight, waiting
