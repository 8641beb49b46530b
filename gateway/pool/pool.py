"""All replicas: chooses one for each question, waits until it has capacity, and retries once
before the first piece of the answer."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Any

from contract.completion import CompletionRequest
from contract.errors import DeadlineExceeded, NoReplica, Overloaded, ReplicaFailed
from contract.images import EncodedImage
from contract.render import AnswerPiece
from gateway.pool.admission_queue import AdmissionQueue
from gateway.pool.balancer import choose_replica, choose_revision
from gateway.pool.health import EjectionPolicy, may_eject
from gateway.pool.membership import Membership
from gateway.pool.replica import Replica, UnavailableError, UnreachableError
from gateway.pool.retry_budget import RetryBudget
from gateway.pool.settings import PoolSettings
from gateway.pool.telemetry import PoolMetrics
from gateway.pool.weights import Weights
from gateway.prompt import with_system_prompt

log = logging.getLogger(__name__)

# One retry: more would multiply the load when the whole pool is in trouble.
MAX_TRIES = 2


Render = Callable[[int], Awaitable[EncodedImage]]
"""The photo of a question as a picture for a server that is not ours, of so many pixels at most."""


class NoReplicaLeftError(Exception):
    """All replicas that may be asked have been tried."""


class Pool:
    def __init__(
        self,
        settings: PoolSettings,
        metrics: PoolMetrics,
        *,
        deadline_ms: int,
        redis_url: str | None,
    ) -> None:
        """`deadline_ms`: of a whole request. `redis_url`: where the gateways share the weights."""
        self._metrics = metrics
        self.weights = Weights(settings.revision_weights, redis_url)
        self._ejection_policy = EjectionPolicy(
            settings.eject_failures,
            settings.eject_slow_factor,
            settings.eject_s,
            settings.eject_max_s,
            settings.max_ejected_share,
        )
        self._retry_budget = RetryBudget(settings.retry_share, settings.retry_floor_per_s)
        self._queue: AdmissionQueue[Replica] = AdmissionQueue(
            settings.pool_queue_limit, self._release
        )
        # A hung replica must be noticed while there is time to ask another one.
        silence_s = min(settings.replica_silence_s, deadline_ms / 2000)
        self._membership = Membership(settings, metrics, silence_s, self._queue.wake)

    async def start(self) -> None:
        await self.weights.start()
        await self._membership.start()
        self._metrics.observe_pool(lambda: self.replicas, lambda: len(self._queue))

    async def close(self) -> None:
        await self._membership.close()
        await self.weights.close()

    @property
    def replicas(self) -> list[Replica]:
        return self._membership.replicas

    @property
    def ready(self) -> bool:
        return any(replica.ready for replica in self.replicas)

    def models(self) -> list[dict[str, Any]]:
        """The /v1/models entries of the ready replicas, one for each revision."""
        models = [replica.served for replica in self.replicas if replica.ready and replica.served]
        return list({model.revision: model.listing for model in models}.values())

    def choose_revision(self, sticky_id: str) -> str:
        """The revision for this caller, by the weights in force.

        It prefers revisions that can answer now. When none can, it chooses among the last known
        ones, so that cached answers are still given. Raises NoReplica when there was never one."""
        known = [replica for replica in self.replicas if replica.revision is not None]
        ready = [replica for replica in known if replica.ready]
        not_ejected = [replica for replica in ready if not replica.ejected]
        for replicas in (not_ejected, ready, known):
            revisions = {replica.revision for replica in replicas if replica.revision is not None}
            if weights := self.weights.of(revisions):
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
        render: Render,
        deadline: float,
    ) -> AsyncGenerator[AnswerPiece]:
        """Stream the answer of a replica of `revision`; `deadline` in time.monotonic seconds.
        `render` makes the photo's picture for a server that is not ours.

        Raises DeadlineExceeded, NoReplica, Overloaded, ReplicaFailed, or the named error of a
        request that the replica refuses."""
        asked = with_system_prompt(asked)
        tried: set[str] = set()
        tries = 0
        any_full = False
        self._retry_budget.record_request(time.monotonic())
        while tries < MAX_TRIES:
            try:
                replica = await self._acquire(revision, affinity, tried, deadline)
            except NoReplicaLeftError:
                break
            tried.add(replica.url)
            last_try = tries + 1 == MAX_TRIES or not self._candidates(revision, tried)
            remaining_ms = int((deadline - time.monotonic()) * 1000)
            own_headers = {**headers, "x-deadline-ms": str(max(remaining_ms, 0))}
            try:
                sent = await self._request_for(replica, asked, render, deadline)
                pieces = replica.complete(sent, own_headers, deadline, last_try)
                async with contextlib.aclosing(pieces):
                    async for piece in pieces:
                        yield piece
                return
            except UnreachableError:
                continue  # the replica got no question: this is no try, and needs no retry budget
            except UnavailableError as error:
                any_full = any_full or error.full
            finally:
                self._eject_if_unhealthy(replica)
                self._release(replica)
            tries += 1
            if not last_try and not self._may_retry():
                break
        if time.monotonic() >= deadline:
            raise DeadlineExceeded
        if any_full:
            raise Overloaded
        raise ReplicaFailed if tries else NoReplica

    async def _request_for(
        self, replica: Replica, asked: CompletionRequest, render: Render, deadline: float
    ) -> CompletionRequest:
        """A replica of ours gets the photo's file, of which it makes the same pixels with the same
        code. A server of another kind gets the picture itself."""
        if asked.image is None or not replica.upstream.foreign:
            return asked
        try:
            async with asyncio.timeout(deadline - time.monotonic()):
                return replace(asked, image=await render(replica.upstream.max_image_pixels))
        except TimeoutError:
            raise DeadlineExceeded from None

    async def _acquire(
        self, revision: str, affinity: str, tried: set[str], deadline: float
    ) -> Replica:
        """A replica with capacity, counted as in flight; waits for one until the deadline."""
        remaining_s = deadline - time.monotonic()
        if remaining_s <= 0:
            raise DeadlineExceeded
        try_acquire = partial(self._try_acquire, revision, affinity, tried)
        try:
            return await self._queue.acquire(revision, try_acquire, remaining_s)
        except Overloaded:
            self._metrics.shed.inc()
            raise

    def _try_acquire(self, revision: str, affinity: str, tried: set[str]) -> Replica | None:
        candidates = self._candidates(revision, tried)
        if not candidates:
            raise NoReplicaLeftError if tried else NoReplica
        free = [replica for replica in candidates if replica.has_capacity]
        preferred = [replica for replica in free if not replica.recently_full]
        replica = choose_replica(preferred or free, affinity)
        if replica is not None:
            replica.in_flight += 1
        return replica

    def _candidates(self, revision: str, tried: set[str]) -> list[Replica]:
        """The replicas that may be asked. Ejected ones only when there is no other: they may have
        recovered, and refusing all questions is worse."""
        ready = [
            replica
            for replica in self.replicas
            if replica.ready and replica.revision == revision and replica.url not in tried
        ]
        return [replica for replica in ready if not replica.ejected] or ready

    def _release(self, replica: Replica) -> None:
        replica.in_flight -= 1
        self._queue.wake()

    def _may_retry(self) -> bool:
        allowed = self._retry_budget.try_spend(time.monotonic())
        self._metrics.retries.labels("made" if allowed else "refused").inc()
        return allowed

    def _eject_if_unhealthy(self, replica: Replica) -> None:
        """Eject the replica if its last answers give a reason, unless too many already are."""
        now = time.monotonic()
        if replica.ejected or not replica.ready:
            return
        peers = [
            other.health
            for other in self.replicas
            if other is not replica and other.ready and other.revision == replica.revision
        ]
        reason = replica.health.ejection_reason(now, peers, self._ejection_policy)
        if reason is None or not may_eject(self.replicas, now, self._ejection_policy):
            return
        for_s = replica.health.eject(now, self._ejection_policy)
        self._metrics.ejections.labels(reason).inc()
        fields = {"url": replica.url, "reason": reason, "for_s": for_s}
        log.warning("replica ejected", extra={"fields": fields})
