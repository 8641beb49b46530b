"""Prometheus metrics of a worker of the batch lane."""

from prometheus_client import CollectorRegistry, Counter, Gauge


class BatchMetrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        self.lines = Counter(
            "batch_lines",
            "Lines that have ended at this worker, by how.",
            ["outcome"],
            registry=registry,
        )
        self.retries = Counter(
            "batch_line_retries",
            "Lines put back to be tried again, by status.",
            ["status"],
            registry=registry,
        )
        self.lost = Counter(
            "batch_leases_lost",
            "Results thrown away, because another worker has the line, or it was erased.",
            registry=registry,
        )
        self.failures = Counter(
            "batch_worker_failures", "Rounds and jobs that failed.", registry=registry
        )
        self.under_way = Gauge(
            "batch_lines_under_way", "Lines that this worker is asking.", registry=registry
        )
        self.left = Gauge(
            "batch_lines_left", "Lines of all batches that have not ended yet.", registry=registry
        )
        self.last = Gauge(
            "batch_worker_last_timestamp_seconds", "End of the last good round.", registry=registry
        )
