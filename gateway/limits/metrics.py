"""Metrics of limits."""

from prometheus_client import CollectorRegistry, Counter


class LimitMetrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        self._refused = Counter(
            "gateway_limited",
            "Requests refused with 429, by what was used up.",
            ["what"],
            registry=registry,
        )

    def refused(self, what: str) -> None:
        self._refused.labels(what).inc()
