"""Prometheus metrics of finished requests, and one line per request in the log file."""

import functools
import logging

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from contract.process.traces import Traces
from gateway.log.interaction import Interaction
from gateway.log.request_trace import send_trace

log = logging.getLogger("shopsight.request")

# Seconds. A cache hit takes 1-5 ms, a demo answer 0.2-0.6 s, an 8B answer on an A10 0.4-2 s.
# 0.6 is where an alert begins.
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.6, 0.75, 1, 2.5, 5, 10, 30)


class RequestMetrics:
    def __init__(self, registry: CollectorRegistry, traces: Traces | None = None) -> None:
        self._traces = traces
        requests = Counter(
            "gateway_requests",
            "Finished requests.",
            ["route", "outcome", "code", "cache"],
            registry=registry,
        )
        total_s = Histogram(
            "gateway_request_seconds",
            "Arrival to the end of the answer.",
            ["route", "cache"],
            registry=registry,
            buckets=BUCKETS,
        )
        step_s = Histogram(
            "gateway_step_seconds",
            "Time in each step of the recipe.",
            ["route", "step"],
            registry=registry,
            buckets=BUCKETS,
        )
        # Of a canary: what its verdict looks at, besides thumbs (gateway_votes).
        by_revision = Counter(
            "gateway_revision_requests",
            "Finished requests by the revision that was to answer.",
            ["revision", "outcome"],
            registry=registry,
        )
        computed_s = Histogram(
            "gateway_revision_seconds",
            "Arrival to the end of answers that were computed.",
            ["revision"],
            registry=registry,
            buckets=BUCKETS,
        )
        # Cached, because looking up a set of labels costs as much as the count itself.
        self._requests = functools.cache(requests.labels)
        self._total_s = functools.cache(total_s.labels)
        self._step_s = functools.cache(step_s.labels)
        self._by_revision = functools.cache(by_revision.labels)
        self._computed_s = functools.cache(computed_s.labels)
        self.in_flight = Gauge(
            "gateway_requests_in_flight", "Begun and not ended.", registry=registry
        )

    def finished(self, interaction: Interaction) -> None:
        """Count a request that has ended and write its line. The line holds no photo and no text
        that a person wrote."""
        self.in_flight.dec()
        cache, code = interaction.cache or "", interaction.error_code or ""
        self._requests(interaction.route, interaction.outcome, code, cache).inc()
        self._total_s(interaction.route, cache).observe(interaction.elapsed_ms / 1000)
        if interaction.revision is not None:
            self._by_revision(interaction.revision, interaction.outcome).inc()
            if cache == "miss":
                self._computed_s(interaction.revision).observe(interaction.elapsed_ms / 1000)
        for step, ms in interaction.steps_ms.items():
            self._step_s(interaction.route, step).observe(ms / 1000)
        if self._traces is not None and self._traces.wants(interaction.request_id):
            send_trace(self._traces, interaction)
        fields = {
            "request_id": interaction.request_id,
            "interaction_id": str(interaction.id),
            "tenant": interaction.caller.tenant,
            "kind": interaction.kind,
            "outcome": interaction.outcome,
            "code": code,
            "cache": cache,
            "revision": interaction.revision,
            "total_ms": round(interaction.elapsed_ms, 1),
        }
        log.info(interaction.outcome, extra={"fields": fields})

    def close(self) -> None:
        """Send the traces that wait."""
        if self._traces is not None:
            self._traces.close()
