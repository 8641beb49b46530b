"""Metrics of canaries."""

from prometheus_client import CollectorRegistry, Counter, Gauge

from gateway.canary.record import VERDICT

DECISIONS = ("started", "promoted", "rolled back", "ended")


class CanaryMetrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        self._decisions = Counter(
            "gateway_canary_decisions",
            "What this gateway has decided or was told to do with a canary, by whom.",
            ["decision", "by"],
            registry=registry,
        )
        for decision in DECISIONS:  # from 0 on: else the first one would be no increase
            for by in (VERDICT, "hand"):
                self._decisions.labels(decision, by)
        self.open = Gauge(
            "gateway_canary_open", "1 while a canary runs or is promoted.", registry=registry
        )

    def decided(self, decision: str, actor: str) -> None:
        self._decisions.labels(decision, VERDICT if actor == VERDICT else "hand").inc()
