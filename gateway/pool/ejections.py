"""Ejects replicas by the answers that they gave, as long as enough others are left."""

import logging
import time
from collections.abc import Sequence

from gateway.pool.health import EjectionPolicy, may_eject
from gateway.pool.replica import Replica
from gateway.pool.settings import PoolSettings
from gateway.pool.telemetry import PoolMetrics

log = logging.getLogger(__name__)


class Ejections:
    def __init__(self, settings: PoolSettings, metrics: PoolMetrics) -> None:
        self._metrics = metrics
        self._policy = EjectionPolicy(
            settings.eject_failures,
            settings.eject_slow_factor,
            settings.eject_s,
            settings.eject_max_s,
            settings.max_ejected_share,
        )

    def blame(self, failed: Sequence[tuple[Replica, str]], replicas: Sequence[Replica]) -> None:
        """These have failed at a question, each with a kind of failure, and another replica
        answers it. So it was not the question's fault."""
        for replica, kind in failed:
            replica.health.record_failure(time.monotonic(), kind)
            self.consider(replica, replicas)

    def consider(self, replica: Replica, replicas: Sequence[Replica]) -> None:
        """Eject it if its last answers give a reason, unless too many of all `replicas` are."""
        now = time.monotonic()
        if replica.ejected or not replica.ready:
            return
        peers = [
            other.health
            for other in replicas
            if other is not replica and other.ready and other.revision == replica.revision
        ]
        reason = replica.health.ejection_reason(now, peers, self._policy)
        if reason is None or not may_eject(replicas, now, self._policy):
            return
        for_s = replica.health.eject(now, self._policy)
        self._metrics.ejections.labels(reason).inc()
        fields = {"url": replica.url, "reason": reason, "for_s": for_s}
        log.warning("replica ejected", extra={"fields": fields})
