"""All replicas: which may be asked, which one is, and one retry before the first byte."""

import contextlib
import logging
import time
from collections.abc import AsyncGenerator
from functools import partial
from typing import Any

from contract.completion import CompletionRequest
from contract.errors import DeadlineExceeded, NoReplica, Overloaded, ReplicaFailed
from contract.render import AnswerPiece
from gateway.pool.balancer import choose_replica, choose_revision
from gateway.pool.health import Limits, may_eject
from gateway.pool.membership import Membership
from gateway.pool.replica import Replica, UnavailableError, UnreachableError
from gateway.pool.retry_budget import RetryBudget
from gateway.pool.settings import PoolSettings
from gateway.pool.telemetry import PoolMetrics
from gateway.pool.waiting import WaitingRoom
from gateway.pool.weights import Weights
from gateway.prompt import instructed

log = logging.getLogger(__name__)

# The first choice and one other: more would multiply the load when the whole pool is in trouble.
TRIES = 2


class NoOtherError(Exception):
    """Every replica that may be asked has been."""


class Pool:
    def __init__(
        self,
        settings: PoolSettings,
        metrics: PoolMetrics,
        *,
        deadline_ms: int,
        redis_url: str | None,
    ) -> None:
        """`deadline_ms`: of a whole request. `redis_url`: where gateways agree on weights."""
        self._metrics = metrics
        self.weights = Weights(settings.revision_weights, redis_url)
        self._limits = Limits(
            settings.eject_failures,
            settings.eject_slow_factor,
            settings.eject_s,
            settings.eject_max_s,
            settings.max_ejected_share,
        )
        self._budget = RetryBudget(settings.retry_share, settings.retry_floor_per_s)
        self._waiting: WaitingRoom[Replica] = WaitingRoom(settings.pool_queue_limit, self._release)
        # A hung replica must be found out while there is time for another, however short that is.
        silence_s = min(settings.replica_silence_s, deadline_ms / 2000)
        self._members = Membership(settings, metrics, silence_s, self._waiting.wake)

    async def start(self) -> None:
        await self.weights.start()
        await self._members.start()
        self._metrics.watch(lambda: self.replicas, lambda: len(self._waiting))

    async def close(self) -> None:
        await self._members.close()
        await self.weights.close()

    @property
    def replicas(self) -> list[Replica]:
        return self._members.replicas

    @property
    def ready(self) -> bool:
        return any(replica.ready for replica in self.replicas)

    def models(self) -> list[dict[str, Any]]:
        """What the ready replicas say of their models, one entry a revision."""
        found = [replica.found for replica in self.replicas if replica.ready and replica.found]
        return list({one.revision: one.model for one in found}.values())

    def choose_revision(self, sticky_id: str) -> str:
        """The revision for this caller, by the weights in force, of those that can answer now; else
        of those last known: what is cached is still answered when no replica is up. Raises
        NoReplica before the first was."""
        known = [replica for replica in self.replicas if replica.revision is not None]
        ready = [replica for replica in known if replica.ready]
        usable = [replica for replica in ready if not replica.ejected]
        for replicas in (usable, ready, known):
            found = {replica.revision for replica in replicas if replica.revision is not None}
            if weights := self.weights.of(found):
                return choose_revision(weights, sticky_id)
        if weights := self.weights.in_force:
            return choose_revision(weights, sticky_id)
        raise NoReplica

    async def complete(
        self,
        asked: CompletionRequest,
        *,
        revision: str,
        affinity: str,
        headers: dict[str, str],
        deadline: float,
    ) -> AsyncGenerator[AnswerPiece]:
        """Ask a replica of `revision`; `deadline` in time.monotonic seconds."""
        asked = instructed(asked)
        tried: set[str] = set()
        tries = 0
        full = False
        self._budget.asked(time.monotonic())
        while tries < TRIES:
            try:
                replica = await self._place(revision, affinity, tried, deadline)
            except NoOtherError:
                break
            tried.add(replica.url)
            last = tries + 1 == TRIES or not self._others(revision, tried)
            left_ms = int((deadline - time.monotonic()) * 1000)
            hop = {**headers, "x-deadline-ms": str(max(left_ms, 0))}
            events = replica.complete(asked, hop, deadline, last)
            try:
                async with contextlib.aclosing(events):
                    async for event in events:
                        yield event
                return
            except UnreachableError:
                continue  # it was spared the question: that is no try, and costs nobody anything
            except UnavailableError as error:
                full = full or error.full
            finally:
                self._judge(replica)
                self._release(replica)
            tries += 1
            if not last and not self._may_retry():
                break
        if time.monotonic() >= deadline:
            raise DeadlineExceeded
        if full:
            raise Overloaded
        raise ReplicaFailed if tries else NoReplica

    async def _place(
        self, revision: str, affinity: str, tried: set[str], deadline: float
    ) -> Replica:
        """A replica with room, which is then taken; waits for one within the deadline."""
        left_s = deadline - time.monotonic()
        if left_s <= 0:
            raise DeadlineExceeded
        take = partial(self._take, revision, affinity, tried)
        try:
            return await self._waiting.place(revision, take, left_s)
        except Overloaded:
            self._metrics.shed.inc()
            raise

    def _take(self, revision: str, affinity: str, tried: set[str]) -> Replica | None:
        others = self._others(revision, tried)
        if not others:
            raise NoOtherError if tried else NoReplica
        free = [replica for replica in others if replica.has_room]
        rested = [replica for replica in free if not replica.resting]
        replica = choose_replica(rested or free, affinity)
        if replica is not None:
            replica.in_flight += 1
        return replica

    def _others(self, revision: str, tried: set[str]) -> list[Replica]:
        """The replicas that may be asked. Ejected ones only when there is no other: they may have
        recovered, and refusing everybody is worse."""
        fitting = [
            replica
            for replica in self.replicas
            if replica.ready and replica.revision == revision and replica.url not in tried
        ]
        return [replica for replica in fitting if not replica.ejected] or fitting

    def _release(self, replica: Replica) -> None:
        replica.in_flight -= 1
        self._waiting.wake()

    def _may_retry(self) -> bool:
        may = self._budget.spend(time.monotonic())
        self._metrics.retries.labels("made" if may else "refused").inc()
        return may

    def _judge(self, replica: Replica) -> None:
        """Eject a replica whose last answers say so, unless too many are already."""
        now = time.monotonic()
        if replica.ejected or not replica.ready:
            return
        peers = [
            other.health
            for other in self.replicas
            if other is not replica and other.ready and other.revision == replica.revision
        ]
        reason = replica.health.verdict(now, peers, self._limits)
        if reason is None or not may_eject(self.replicas, now, self._limits):
            return
        for_s = replica.health.eject(now, self._limits)
        self._metrics.ejections.labels(reason).inc()
        fields = {"url": replica.url, "reason": reason, "for_s": for_s}
        log.warning("replica ejected", extra={"fields": fields})
