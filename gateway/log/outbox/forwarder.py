"""Moves events from spools into the database, in a thread of its own: this gateway's spool, and
those of gateways that have died. An event leaves its spool only after the database's commit."""

import contextlib
import logging
import random
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence

from sqlalchemy import Engine

from gateway.cache.answers import GivenAnswer
from gateway.log.audit import FORWARDER, Audit
from gateway.log.faults import loggable
from gateway.log.given_answers import answers_of
from gateway.log.outbox.dead_letters import bury
from gateway.log.outbox.delivery import Delivery, Outcome, ServerFault
from gateway.log.outbox.metrics import OutboxMetrics
from gateway.log.outbox.settings import OutboxSettings
from gateway.log.outbox.spool import Spool, SpooledEvent
from gateway.log.outbox.spool_folder import SpoolFolder, set_aside
from gateway.log.outbox.suspects import Suspects
from gateway.log.outbox.unforgotten import Unforgotten
from gateway.log.schema.database import CONNECT_TIMEOUT_S

log = logging.getLogger(__name__)

# How often an empty spool is looked at: rows are seen by analysts that much later.
POLL_S = 0.1
# Rows of one transaction: 500 take about 20 ms, and a crash repeats at most so many.
BATCH_ROWS = 500
# How often dead gateways' spools and the disk's free space are looked for.
SCAN_S = 1.0
# So many refused events at once are looked into before others are read.
MAX_SUSPECTS = 1_000
# Pauses while the database is away: from the first to the longest, half of each by chance.
FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 2.0
# A server that does not answer at all for so long counts as gone.
ANSWER_TIMEOUT_S = 30


# Take answers that erased people were given out of the answer cache; whether that was done.
Forget = Callable[[Sequence[GivenAnswer]], bool]


class Forwarder:
    """`own` is None where there is nothing but others' spools to forward (the worker)."""

    def __init__(
        self,
        settings: OutboxSettings,
        folder: SpoolFolder,
        own: Spool | None,
        engine: Engine,
        metrics: OutboxMetrics,
        forget: Forget = lambda _: True,
    ) -> None:
        self._forget = forget
        self._audit = Audit(engine)
        self._max_bytes = settings.spool_max_bytes
        self._reserve_bytes = settings.spool_reserve_bytes
        self._folder = folder
        self._own = own
        self._engine = engine
        self._metrics = metrics
        self._delivery = Delivery(engine, lambda why: metrics.retries.labels(why).inc())
        # Replaced, never changed: the event loop reads it.
        self._spools: tuple[Spool, ...] = (own,) if own else ()
        self._suspects = Suspects()
        self._unforgotten = Unforgotten()
        self._disk_has_room = True
        self._damaged = False
        self._scan_at = 0.0
        self._failures = 0
        self._ends_at = float("inf")  # monotonic; set when the last event is in the spool
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="log-forwarder", daemon=True)
        metrics.watch(lambda: self.depth, lambda: self.size)

    @property
    def depth(self) -> int:
        return sum(spool.depth for spool in self._spools)

    @property
    def size(self) -> int:
        """Bytes that wait, in all the spools held."""
        return sum(spool.size for spool in self._spools)

    @property
    def has_room(self) -> bool:
        return not self._damaged and self._disk_has_room and self.size < self._max_bytes

    def start(self) -> None:
        self._thread.start()

    def stop(self, drain_s: float) -> None:
        """Forward what is left, for so long at most; the rest is for whoever adopts the spool."""
        self._ends_at = time.monotonic() + drain_s
        self._stopping.set()
        # An insert that hangs on a server ends with the process; the spool is adopted then.
        self._thread.join(drain_s + CONNECT_TIMEOUT_S)

    def _run(self) -> None:
        while not self._stopping.is_set() or (self.depth and time.monotonic() < self._ends_at):
            try:
                moved = self._round()
            except Exception:  # of any kind: a forwarder that ended would fill the disk
                log.exception("forwarding failed")
                self._failures += 1
                moved = False
            if self._failures:
                longest = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(self._failures, 10))
                self._wait(random.uniform(longest / 2, longest))  # noqa: S311
            elif not moved:
                self._wait(POLL_S)
        for spool in self._spools:
            with contextlib.suppress(sqlite3.Error):
                spool.close()

    def _wait(self, seconds: float) -> None:
        if self._stopping.is_set():
            time.sleep(max(0.0, min(seconds, POLL_S, self._ends_at - time.monotonic())))
        else:
            self._stopping.wait(seconds)

    def _round(self) -> bool:
        """One batch of each spool; whether there may be more at once."""
        self._scan()
        full = False
        oldest = None
        for spool in self._spools:
            suspects = self._suspects.not_due(spool)
            if len(suspects) >= MAX_SUSPECTS:
                continue
            try:
                but = [*suspects, *self._unforgotten.not_due(spool)]
                batch = spool.oldest(BATCH_ROWS, but)
                if batch:
                    oldest = min(oldest or batch[0].at, batch[0].at)
                    moved = self._forward(spool, batch)
                    full |= moved and len(batch) == BATCH_ROWS
                spool.tidy()
            except sqlite3.OperationalError as error:  # a full disk: the batch is sent again
                log.warning("spool not read", extra={"fields": {"why": str(error)}})
                self._failures += 1
            except sqlite3.DatabaseError:
                self._abandon(spool)
                continue
            if spool is not self._own and not spool.depth:
                self._release(spool)
        self._metrics.lag_s.set(max(0.0, time.time() - oldest) if oldest else 0)
        return full

    def _forward(self, spool: Spool, batch: list[SpooledEvent]) -> bool:
        """Whether any of them has left the spool."""
        try:
            outcome = self._delivery.deliver(batch)
        except ServerFault as fault:
            if not self._failures:
                why = loggable(fault.__cause__)
                log.warning("database takes no rows", extra={"fields": {"why": why}})
            self._failures += 1
            self._metrics.retries.labels("server").inc()
            return False
        if self._failures:
            log.info("database takes rows again", extra={"fields": {"waiting": self.depth}})
        self._failures = 0
        accepted = self._forgotten(spool, outcome)
        if accepted:
            self._remove(spool, accepted)
            self._metrics.forwarded.inc(len(accepted))
        if outcome.left_out:
            self._metrics.left_out.labels(",".join(sorted(outcome.left_out))).inc()
        return self._reject(spool, outcome) or bool(accepted)

    def _remove(self, spool: Spool, done: Sequence[SpooledEvent]) -> None:
        spool.remove(done)
        self._suspects.clear(spool, done)
        self._unforgotten.clear(spool, done)

    def _forgotten(self, spool: Spool, outcome: Outcome) -> list[SpooledEvent]:
        """What may leave the spool. An erased person's event stays, and is sent again without
        effect, until the answer that it was given is out of the answer cache."""
        events = [spooled.event for spooled in outcome.erased]
        if not events:
            return outcome.accepted
        if self._unforgotten.due:
            if self._forget(answers_of(events)):
                self._metrics.erased.inc(len(events))
                self._audit.add(FORWARDER, "late events erased", events=len(events))
                return outcome.accepted
            self._unforgotten.postpone()
        self._unforgotten.keep(spool, outcome.erased)
        kept = {spooled.seq for spooled in outcome.erased}
        return [spooled for spooled in outcome.accepted if spooled.seq not in kept]

    def _reject(self, spool: Spool, outcome: Outcome) -> bool:
        """Whether any was buried."""
        buried = False
        for spooled, error in outcome.rejected:
            attempts = self._suspects.strike(spool, spooled)
            if attempts is None:  # not for the last time
                continue
            try:
                bury(self._engine, spooled, error, attempts)
            except Exception as refused:  # stays in the spool, and is tried again
                log.error("not even a dead letter", extra={"fields": {"why": loggable(refused)}})
                continue
            self._remove(spool, [spooled])
            buried = True
            self._metrics.dead.inc()
            log.error("dead letter", extra={"fields": {"error": type(error).__name__}})
        return buried

    def _scan(self) -> None:
        if time.monotonic() < self._scan_at:
            return
        self._scan_at = time.monotonic() + SCAN_S
        self._disk_has_room = self._folder.free_bytes() >= self._reserve_bytes
        if self._stopping.is_set():
            return
        for spool in self._folder.orphans():
            self._metrics.torn_frames.inc(spool.torn_frames)
            if not spool.depth:  # half made by one that starts, or half removed by one that died
                spool.close()
                continue
            fields = {"spool": spool.folder.name, "waiting": spool.depth, "torn": spool.torn_frames}
            log.info("spool adopted", extra={"fields": fields})
            self._metrics.adopted.inc()
            self._spools = (*self._spools, spool)

    def _release(self, spool: Spool) -> None:
        self._spools = tuple(other for other in self._spools if other is not spool)
        spool.close()

    def _abandon(self, spool: Spool) -> None:
        """Its file is damaged. This gateway's own keeps its name until it ends: nothing more is
        recorded in it, and who adopts it puts it aside."""
        if spool is self._own:
            log.error("this gateway's spool is damaged")
            self._damaged = True
            self._failures += 1
            return
        self._spools = tuple(other for other in self._spools if other is not spool)
        set_aside(spool.folder)
        spool.release()
