"""One round after the other: ask what fires, look at what runs, decide, do it, say so."""

import logging
import math
import time
from typing import Protocol

from ops.autoscaling.alerts import AlertsUnknown
from ops.autoscaling.docker import EngineFailed
from ops.autoscaling.metrics import AutoscalerMetrics
from ops.autoscaling.policy import Bounds, Decision, Direction, Fleet, decide

log = logging.getLogger(__name__)


class Alerts(Protocol):
    def firing(self) -> frozenset[Direction]: ...


class Service(Protocol):
    def fleet(self) -> Fleet: ...
    def scale(self, replicas: int) -> None: ...


class Controller:
    def __init__(
        self,
        alerts: Alerts,
        service: Service,
        bounds: Bounds,
        metrics: AutoscalerMetrics,
        dry_run: bool,
    ) -> None:
        self._alerts = alerts
        self._service = service
        self._bounds = bounds
        self._metrics = metrics
        self._dry_run = dry_run
        # What happened before the start is not known: it counts as just now.
        self._changed_at = time.monotonic()
        self._failed_at = -math.inf
        self._said: object = None

    def round(self) -> Decision | None:
        """None: somebody did not answer. Then nothing is changed."""
        try:
            firing = self._alerts.firing()
            fleet = self._service.fleet()
            now = time.monotonic()
            since_change_s, since_failure_s = now - self._changed_at, now - self._failed_at
            decision = decide(self._bounds, fleet, firing, since_change_s, since_failure_s)
            if decision.action != "hold":
                self._change(decision)
        except AlertsUnknown as error:
            self._fail("alerts", error)
            return None
        except EngineFailed as error:
            self._fail("engine", error)
            return None
        self._metrics.record(fleet, decision, self._dry_run)
        self._tell(fleet, decision)
        return decision

    def _change(self, decision: Decision) -> None:
        """In a dry run nothing but the cool-down begins: it tells what would be done, and when."""
        try:
            if not self._dry_run:
                self._service.scale(decision.replicas)
        except EngineFailed:
            self._failed_at = time.monotonic()
            raise
        finally:  # part of it may have been done
            self._changed_at = time.monotonic()

    def _tell(self, fleet: Fleet, decision: Decision) -> None:
        """A line for each change, and one when the reason to change nothing is another one."""
        if decision.action == "hold" and self._said == decision:
            return
        self._said = decision
        fields = {
            "action": decision.action,
            "reason": decision.reason,
            "replicas": fleet.wanted,
            "ready": fleet.ready,
            "target": decision.replicas,
            "dry_run": self._dry_run,
        }
        log.info("autoscaling", extra={"fields": fields})

    def _fail(self, whose: str, error: Exception) -> None:
        self._metrics.failures.labels(whose).inc()
        if self._said != whose:
            self._said = whose
            log.warning("autoscaling stands still", extra={"fields": {whose: str(error)}})
