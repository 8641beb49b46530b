"""Prometheus metrics of the outbox: commits to the spool, and the way to the database."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

# Seconds. A group commit takes 0.1 ms, with fsync 0.2-20 ms.
COMMIT_BUCKETS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2)

# What a forwarder counts, as the attributes below are called. One label at most.
BY_FORWARDER = (
    *("forwarded", "retries", "dead", "adopted"),
    *("erased", "torn_frames", "unknown_fields"),
)

Counts = dict[str, dict[str, float]]
"""By attribute and label; a counter without a label has an empty one."""


class OutboxMetrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        self.commit_s = Histogram(
            "gateway_log_commit_seconds",
            "One group commit to the spool.",
            registry=registry,
            buckets=COMMIT_BUCKETS,
        )
        self.commit_failures = Counter(
            "gateway_log_commit_failures", "Group commits that failed.", registry=registry
        )
        self._events = Gauge(
            "gateway_log_spool_events", "Events that wait for the database.", registry=registry
        )
        self._bytes = Gauge("gateway_log_spool_bytes", "Their bytes.", registry=registry)
        self._max_bytes = Gauge(
            "gateway_log_spool_max_bytes",
            "SPOOL_MAX_BYTES: from so many on questions are refused.",
            registry=registry,
        )
        self.lag_s = Gauge(
            "gateway_log_lag_seconds",
            "Age of the oldest event that waits, without refused ones.",
            registry=registry,
        )
        self.forwarded = Counter(
            "gateway_log_forwarded", "Events that the database has.", registry=registry
        )
        self.retries = Counter(
            "gateway_log_retries", "Inserts done again, by reason.", ["reason"], registry=registry
        )
        self.dead = Counter("gateway_log_dead_letters", "Events given up.", registry=registry)
        self.adopted = Counter(
            "gateway_log_spools_adopted", "Spools of dead gateways taken over.", registry=registry
        )
        self.erased = Counter(
            "gateway_log_erased",
            "Events recorded without person or content, because the person had been erased.",
            registry=registry,
        )
        self.torn_frames = Counter(
            "gateway_log_torn_frames",
            "Half-written pages at the end of adopted spools; no acknowledged event is in them.",
            registry=registry,
        )
        self.unknown_fields = Counter(
            "gateway_log_fields_left_out",
            "Batches with fields that the database has no column for.",
            ["fields"],
            registry=registry,
        )
        self.restarts = Counter(
            "gateway_log_forwarder_restarts",
            "Starts of a forwarder's process after one that died.",
            registry=registry,
        )

    def watch(self, depth: Callable[[], int], size: Callable[[], int], max_bytes: int) -> None:
        """Read `depth` (events) and `size` (bytes) at each scrape."""
        self._max_bytes.set(max_bytes)
        self._events.set_function(depth)
        self._bytes.set_function(size)

    def counts(self) -> Counts:
        """Of the forwarder, since the process began."""
        found = {}
        for name in BY_FORWARDER:
            samples = next(iter(getattr(self, name).collect())).samples
            totals = [sample for sample in samples if sample.name.endswith("_total")]
            found[name] = {"".join(sample.labels.values()): sample.value for sample in totals}
        return found

    def add(self, counts: Counts, before: Counts) -> None:
        """What a forwarder of another process has counted since it told `before`."""
        for name, values in counts.items():
            counter = getattr(self, name)
            for label, value in values.items():
                more = value - before.get(name, {}).get(label, 0)
                if more:
                    (counter.labels(label) if label else counter).inc(more)
