"""Moves events from spools into the database, in a thread of its own: of a process that does
nothing else, beside a gateway, or of a worker. The spools are its gateway's and those of dead
gateways. An event leaves its spool only after the database has committed it."""

import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from sqlalchemy import Engine

from gateway.log.audit import FORWARDER, Audit
from gateway.log.faults import loggable
from gateway.log.given_answers import GivenAnswer, given_answers
from gateway.log.outbox.dead_letters import insert_dead_letter
from gateway.log.outbox.delivery import Delivery, DeliveryResult, ServerFault
from gateway.log.outbox.held_spools import HeldSpools
from gateway.log.outbox.metrics import OutboxMetrics
from gateway.log.outbox.pauses import POLL_S, pause_s
from gateway.log.outbox.pending_deletions import PendingDeletions
from gateway.log.outbox.retry_schedule import RetrySchedule
from gateway.log.outbox.spool import Spool, SpooledEvent
from gateway.log.outbox.spool_folder import SpoolFolder
from gateway.log.schema.database import CONNECT_TIMEOUT_S

log = logging.getLogger(__name__)

# Rows of one transaction: 500 take about 20 ms, and a crash repeats at most so many.
BATCH_ROWS = 500
# With so many refused events in a spool, nothing new is read from it until some are settled.
MAX_REFUSED = 1_000
# A server that does not answer for so long counts as down.
ANSWER_TIMEOUT_S = 30

# Deletes the answers of erased persons from the answer cache; False if that failed.
DeleteAnswers = Callable[[Sequence[GivenAnswer]], bool]
OnRound = Callable[[], None]


class SpoolBounds(Protocol):
    """Of the settings, what a forwarder needs: its process does not have them."""

    @property
    def spool_max_bytes(self) -> int: ...
    @property
    def spool_reserve_bytes(self) -> int: ...


class Forwarder:
    """`own` is None in the worker, which forwards orphaned spools only. The engine is the
    forwarder's own, which disposes of it."""

    def __init__(
        self,
        settings: SpoolBounds,
        folder: SpoolFolder,
        own: Spool | None,
        engine: Engine,
        metrics: OutboxMetrics,
        delete_answers: DeleteAnswers = lambda _: True,
        on_round: OnRound = lambda: None,
    ) -> None:
        """`on_round` is called in its thread after each look at the spools."""
        self._delete_answers = delete_answers
        self._on_round = on_round
        self._audit = Audit(engine)
        self._max_bytes = settings.spool_max_bytes
        self.spools = HeldSpools(folder, own, settings.spool_reserve_bytes, metrics)
        self._engine = engine
        self._metrics = metrics
        self._delivery = Delivery(engine, lambda why: metrics.retries.labels(why).inc())
        self._retry_schedule = RetrySchedule()
        self._pending_deletions = PendingDeletions()
        self.lag_s = 0.0
        """Age of the oldest event that waits, in the last round."""
        self._failures = 0
        self._largest_batch = 0  # of the last round
        self._drain_until = float("inf")  # monotonic; set by `stop`
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="log-forwarder", daemon=True)
        metrics.watch(lambda: self.depth, lambda: self.spools.size, self._max_bytes)

    @property
    def depth(self) -> int:
        return self.spools.depth

    @property
    def has_room(self) -> bool:
        """Whether the gateway's spool may take more events."""
        return self.spools.own_is_writable and self.spools.size < self._max_bytes

    def start(self) -> None:
        self._thread.start()

    def stop(self, drain_s: float) -> None:
        """Forward what is left for at most `drain_s`. Who adopts the spool forwards the rest."""
        self._drain_until = time.monotonic() + drain_s
        self._stopping.set()
        # An insert that still hangs on the server ends with the process.
        self._thread.join(drain_s + CONNECT_TIMEOUT_S)

    def _run(self) -> None:
        while not self._stopping.is_set() or self._drains:
            try:
                more = self._round()
            except Exception:  # of any kind: without a forwarder the spool would fill the disk
                log.exception("forwarding failed")
                self._failures += 1
                more = False
            self._on_round()
            if self._failures or not more:
                self._wait(pause_s(self._failures, self._largest_batch))
        self.spools.close()
        self._engine.dispose()

    @property
    def _drains(self) -> bool:
        """Told to stop, with time and something left to forward."""
        return time.monotonic() < self._drain_until and not self.spools.are_empty

    def _wait(self, seconds: float) -> None:
        if not self._stopping.is_set():
            self._stopping.wait(seconds)
        elif self._drains:
            time.sleep(max(0.0, min(seconds, POLL_S, self._drain_until - time.monotonic())))

    def _round(self) -> bool:
        """Forward one batch of each spool. Returns whether more events are ready now."""
        self.spools.scan(adopt=not self._stopping.is_set())
        more = False
        oldest = None
        self._largest_batch = 0
        for spool in self.spools:
            refused = self._retry_schedule.not_due(spool)
            if len(refused) >= MAX_REFUSED:
                continue
            try:
                skipped = [*refused, *self._pending_deletions.not_due(spool)]
                batch = spool.oldest(BATCH_ROWS, skipped)
                self._largest_batch = max(self._largest_batch, len(batch))
                if batch:
                    oldest = min(oldest or batch[0].at, batch[0].at)
                    removed = self._forward(spool, batch)
                    more |= removed and len(batch) == BATCH_ROWS
                spool.maintain()
            except sqlite3.OperationalError as error:  # such as a full disk: it is sent again
                log.warning("spool not read", extra={"fields": {"why": str(error)}})
                self._failures += 1
            except sqlite3.DatabaseError:
                self.spools.drop_damaged(spool)
                self._failures += spool is self.spools.own
                continue
            self.spools.drop_if_empty(spool)
        self.lag_s = max(0.0, time.time() - oldest) if oldest else 0.0
        self._metrics.lag_s.set(self.lag_s)
        return more

    def _forward(self, spool: Spool, batch: list[SpooledEvent]) -> bool:
        """Send a batch. Returns whether any event has left the spool."""
        try:
            result = self._delivery.deliver(batch)
        except ServerFault as fault:
            if not self._failures:
                why = loggable(fault.__cause__)
                log.warning("database takes no rows", extra={"fields": {"why": why}})
            self._failures += 1
            self._metrics.retries.labels("server").inc()
            return False
        if self._failures:
            log.info("database takes rows again", extra={"fields": {"waiting": self.spools.depth}})
        self._failures = 0
        done = self._delete_cached(spool, result)
        if done:
            self._remove(spool, done)
            self._metrics.forwarded.inc(len(done))
        if result.unknown_fields:
            self._metrics.unknown_fields.labels(",".join(sorted(result.unknown_fields))).inc()
        return self._handle_rejected(spool, result) or bool(done)

    def _remove(self, spool: Spool, done: Sequence[SpooledEvent]) -> None:
        spool.remove(done)
        self._retry_schedule.discard(spool, done)
        self._pending_deletions.discard(spool, done)

    def _delete_cached(self, spool: Spool, result: DeliveryResult) -> list[SpooledEvent]:
        """Delete the cached answers of erased persons. Returns the events that may leave the spool.
        If the deletion fails, an erased person's event stays and is sent again, without effect."""
        events = [spooled.event for spooled in result.erased]
        if not events:
            return result.accepted
        if self._pending_deletions.retry_due:
            if self._delete_answers(given_answers(events)):
                self._metrics.erased.inc(len(events))
                self._audit.add(FORWARDER, "late events erased", events=len(events))
                return result.accepted
            self._pending_deletions.postpone_retry()
        self._pending_deletions.add(spool, result.erased)
        pending = {spooled.seq for spooled in result.erased}
        return [spooled for spooled in result.accepted if spooled.seq not in pending]

    def _handle_rejected(self, spool: Spool, result: DeliveryResult) -> bool:
        """Count refusals. Returns whether any event has become a dead letter."""
        any_dead = False
        for spooled, error in result.rejected:
            attempts = self._retry_schedule.record_refusal(spool, spooled)
            if attempts is None:  # it is tried again
                continue
            try:
                insert_dead_letter(self._engine, spooled, error, attempts)
            except Exception as refused:  # the event stays in the spool and is tried again
                log.error("not even a dead letter", extra={"fields": {"why": loggable(refused)}})
                continue
            self._remove(spool, [spooled])
            any_dead = True
            self._metrics.dead.inc()
            log.error("dead letter", extra={"fields": {"error": type(error).__name__}})
        return any_dead
