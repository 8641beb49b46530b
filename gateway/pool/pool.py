"""All replicas: chooses one for each question, waits until it has capacity, and retries once
before the first piece of the answer."""

import contextlib
import time
from collections.abc import AsyncGenerator, Callable
from functools import partial
from typing import Any

from contract.completion import CompletionRequest
from contract.errors import DeadlineExceeded, NoReplica, Overloaded, ReplicaFailed
from contract.products.calibration import NOT_CALIBRATED, Calibration
from contract.render import AnswerPiece
from contract.response import Finished
from contract.wire import PRIORITY_HEADER, Priority
from gateway.errors import RateLimited
from gateway.pool.balancer import choose_replica, choose_revision
from gateway.pool.ejections import Ejections
from gateway.pool.membership import Membership
from gateway.pool.queue.admission_queue import AdmissionQueue
from gateway.pool.queue.fairness import NOBODY, Asker
from gateway.pool.recovery import Recovery
from gateway.pool.refusals import NoReplicaLeftError, NotBegunError, UnavailableError
from gateway.pool.replica import Replica
from gateway.pool.retry_budget import RetryBudget
from gateway.pool.settings import PoolSettings
from gateway.pool.telemetry import PoolMetrics
from gateway.pool.upstreams.question import Show, request_for
from gateway.pool.upstreams.salts import Salts
from gateway.pool.weights import KeptWeights, Weights
from gateway.prompt import SYSTEM, with_system_prompt

# One retry: more would multiply the load when the whole pool is in trouble.
MAX_TRIES = 2


class Pool:
    def __init__(
        self,
        settings: PoolSettings,
        metrics: PoolMetrics,
        *,
        deadline_ms: int,
        redis_url: str | None,
        secret: str,
        places_share: float = 1.0,
        kept_weights: KeptWeights | None = None,
    ) -> None:
        """`deadline_ms`: of a whole request. `redis_url`: where the gateways share the weights.
        `secret`: of all gateways, for names at servers of other kinds. `places_share`: of shoppers'
        places, that one asker may have at once. `kept_weights`: where they are besides Redis."""
        self._metrics = metrics
        self.weights = Weights(settings.revision_weights, redis_url, kept_weights)
        self._ejections = Ejections(settings, metrics)
        self._retry_budget = RetryBudget(settings.retry_share, settings.retry_floor_per_s)
        shares: dict[Priority, float] = {"interactive": places_share, "batch": 1.0}
        self._queues: dict[Priority, AdmissionQueue[Replica]] = {
            priority: AdmissionQueue(
                settings.pool_queue_limit,
                partial(self._give_back, priority),
                places=partial(self._places, priority),
                share=share,
            )
            for priority, share in shares.items()
        }
        # A hung replica must be noticed while there is time to ask another one.
        silence_s = min(settings.replica_silence_s, deadline_ms / 2000)
        self._membership = Membership(settings, metrics, silence_s, Salts(secret), self._on_probed)
        self._recovery = Recovery()

    async def start(self) -> None:
        await self.weights.start()
        await self._membership.start()
        self._metrics.observe_pool(lambda: self.replicas, lambda lane: len(self._queues[lane]))
        self._metrics.passed_over.set_function(lambda: self.weights.passed_over)

    async def close(self) -> None:
        await self._membership.close()
        await self.weights.close()

    @property
    def replicas(self) -> list[Replica]:
        return self._membership.replicas

    @property
    def ready_revisions(self) -> set[str]:
        return {each.revision for each in self.replicas if each.ready and each.revision}

    @property
    def ready(self) -> bool:
        return bool(self.weights.of_ready(self.ready_revisions))

    def models(self) -> list[dict[str, Any]]:
        """The /v1/models entries of the ready replicas, one for each revision."""
        models = [each.served for each in self.replicas if each.ready and each.served]
        return list({model.revision: model.listing for model in models}.values())

    def calibration(self, revision: str) -> Calibration:
        """What the probabilities of a revision are worth, as its replicas tell."""
        told = (r.served.calibration for r in self.replicas if r.served and r.revision == revision)
        return next(told, NOT_CALIBRATED)

    def choose_revision(self, sticky_id: str) -> str:
        """The revision for this caller, by the weights in force. Raises NoReplica when there was
        never one."""
        if weights := self.weights.of_replicas(self.replicas):
            return choose_revision(weights, sticky_id)
        raise self.no_replica()

    async def complete(
        self,
        asked: CompletionRequest,
        *,
        revision: str,
        affinity: str,
        headers: dict[str, str],
        show: Show,
        deadline: float,
        asker: Asker = NOBODY,
        system: str = SYSTEM,
        priority: Priority = "interactive",
    ) -> AsyncGenerator[AnswerPiece]:
        """Stream the answer of a replica of `revision`; `deadline` in time.monotonic seconds.
        `show` adds its photos once it has a place: nothing here holds them while a retry waits.
        `system`: our instruction. Priority `batch` has places of its own, and may wait for long.

        Raises DeadlineExceeded, NoReplica, Overloaded, RateLimited, ReplicaFailed, what `show`
        raises, or the named error of a request that the replica refuses."""
        asked = with_system_prompt(asked, system)
        tried, tries = set[str](), 0
        full_for_s: list[float] = []
        doubts: list[tuple[Replica, str]] = []
        self._retry_budget.record_request(time.monotonic())
        while tries < MAX_TRIES:
            try:
                try_acquire = partial(self._try_acquire, revision, affinity, tried, priority)
                replica = await self._acquire(try_acquire, revision, deadline, asker, priority)
            except NoReplicaLeftError:
                break
            acquired_at = time.monotonic()
            tried.add(replica.url)
            last_try = tries + 1 == MAX_TRIES or not self._candidates(revision, tried)
            remaining_ms = max(int((deadline - time.monotonic()) * 1000), 0)
            told = {**headers, PRIORITY_HEADER: priority, "x-deadline-ms": str(remaining_ms)}
            try:
                sending = request_for(replica.upstream, asked, show, deadline)
                pieces = replica.complete(await sending, told, revision, deadline, last_try)
                async with contextlib.aclosing(pieces):
                    async for piece in pieces:
                        if doubts:
                            self._ejections.blame(doubts, self.replicas)
                            doubts.clear()
                        # Before it is passed on: nobody reads behind the end.
                        if isinstance(piece, Finished) and priority == "interactive":
                            self._recovery.answered(time.monotonic() - acquired_at)
                        yield piece
                return
            except NotBegunError:
                continue  # nothing was done: this is no try, and needs no retry budget
            except UnavailableError as error:
                if error.full_for_s is not None:
                    full_for_s.append(error.full_for_s)
                    replica.places.record_full(priority, time.monotonic())
                doubts += [] if error.doubt is None else [(replica, error.doubt)]
            finally:
                self._ejections.consider(replica, self.replicas)
                replica.places.give_back(priority)
                self._queues[priority].ends(asker)
            tries += 1
            if not last_try and not self._may_retry():
                break
        if time.monotonic() >= deadline:
            raise DeadlineExceeded
        if full_for_s:
            self._metrics.shed.inc()
            raise self._overloaded(revision, priority, min(full_for_s))
        raise ReplicaFailed if tries else self.no_replica()

    async def _acquire(
        self,
        try_acquire: Callable[[], Replica | None],
        revision: str,
        deadline: float,
        asker: Asker,
        priority: Priority,
    ) -> Replica:
        """A replica with capacity, counted as in flight; waits for one until the deadline."""
        if (remaining_s := deadline - time.monotonic()) <= 0:
            raise DeadlineExceeded
        queue = self._queues[priority]
        try:
            return await queue.acquire(revision, try_acquire, remaining_s, asker)
        except RateLimited:
            wait_s = self._overloaded(revision, priority).retry_after_s or 1
            raise RateLimited.of("concurrency", queue.cap(revision, asker), wait_s) from None
        except Overloaded:
            self._metrics.shed.inc()
            raise self._overloaded(revision, priority) from None

    def _try_acquire(
        self, revision: str, affinity: str, tried: set[str], priority: Priority
    ) -> Replica | None:
        if not (candidates := self._candidates(revision, tried)):
            raise NoReplicaLeftError if tried else self.no_replica()
        now = time.monotonic()
        free = [each for each in candidates if each.has_capacity(priority)]
        preferred = [each for each in free if not each.places.recently_full(priority, now)]
        replica = choose_replica(preferred or free, affinity, lambda r: r.places.taken(priority))
        if replica is not None:
            replica.places.take(priority)
        return replica

    def _candidates(self, revision: str, tried: set[str]) -> list[Replica]:
        """The replicas that may be asked. Ejected ones only when there is no other: they may have
        recovered, and refusing all questions is worse."""
        serving = (each for each in self.replicas if each.ready and each.revision == revision)
        ready = [each for each in serving if each.url not in tried]
        return [each for each in ready if not each.ejected] or ready

    def _on_probed(self) -> None:
        self._recovery.observe(self.replicas, time.monotonic())
        self.weights.observe(self.ready_revisions)
        self._wake()

    def no_replica(self) -> NoReplica:
        return self._recovery.no_replica(self.replicas, time.monotonic())

    def _overloaded(self, revision: str, priority: Priority, at_least_s: float = 0) -> Overloaded:
        candidates, waiting = self._candidates(revision, set()), len(self._queues[priority])
        return self._recovery.overloaded(candidates, waiting, time.monotonic(), at_least_s)

    def _places(self, priority: Priority, revision: str) -> int:
        return sum(each.places.most[priority] for each in self._candidates(revision, set()))

    def _give_back(self, priority: Priority, replica: Replica) -> None:
        replica.places.give_back(priority)
        self._wake()

    def _wake(self) -> None:
        for queue in self._queues.values():
            queue.wake()

    def _may_retry(self) -> bool:
        allowed = self._retry_budget.try_spend(time.monotonic())
        self._metrics.retries.labels("made" if allowed else "refused").inc()
        return allowed
