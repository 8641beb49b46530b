"""What the autoscaler tells Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Gauge

from ops.autoscaling.policy import Bounds, Decision, Fleet


class AutoscalerMetrics:
    def __init__(self, registry: CollectorRegistry, bounds: Bounds) -> None:
        self.decisions = Counter(
            "autoscaler_decisions",
            "Rounds by what was decided and why. Those of a dry run changed nothing.",
            ["action", "reason", "dry_run"],
            registry=registry,
        )
        self.failures = Counter(
            "autoscaler_failures",
            "Rounds that failed, by who did not answer or refused.",
            ["whose"],
            registry=registry,
        )
        for whose in ("alerts", "engine"):
            self.failures.labels(whose)
        self._replicas = Gauge(
            "autoscaler_replicas", "Replicas by state: wanted, ready.", ["state"], registry=registry
        )
        self._last = Gauge(
            "autoscaler_last_round_timestamp_seconds",
            "When a round last ended well.",
            registry=registry,
        )
        bound = Gauge("autoscaler_bound", "Fewest and most replicas.", ["bound"], registry=registry)
        bound.labels("minimum").set(bounds.minimum)
        bound.labels("maximum").set(bounds.maximum)

    def record(self, fleet: Fleet, decision: Decision, dry_run: bool) -> None:
        self.decisions.labels(decision.action, decision.reason, str(dry_run).lower()).inc()
        self._replicas.labels("wanted").set(fleet.wanted)
        self._replicas.labels("ready").set(fleet.ready)
        self._last.set_to_current_time()
