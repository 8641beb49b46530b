"""Group commit: events of one turn of the event loop share a commit. It is made on the loop where
that takes some microseconds, and in a thread where it may wait: for the disk or for another."""

import asyncio
import logging
import queue
import threading
import time

from gateway.errors import LogUnavailable
from gateway.log.outbox.metrics import OutboxMetrics
from gateway.log.outbox.spool import MAX_GROUP, Spool

log = logging.getLogger(__name__)

# After a failed commit questions are refused for this long before the spool is tried again.
PAUSE_S = 1.0
# A commit that took the loop this long: the disk is busy, and the thread commits for a while.
SLOW_S = 0.02
SLOW_PAUSE_S = 5.0

PendingCommit = tuple[str, asyncio.Future[None]]


class GroupCommit:
    """`commit` belongs to the event loop that is running when the writer is made."""

    def __init__(self, spool: Spool, metrics: OutboxMetrics) -> None:
        self._spool = spool
        self._metrics = metrics
        self._loop = asyncio.get_running_loop()
        self._group: list[PendingCommit] = []
        self._handed_over = 0  # commits that the thread has and the loop has not heard of
        self._waiting: queue.SimpleQueue[PendingCommit | None] = (
            queue.SimpleQueue()
        )  # None: the last
        self._refuse_until = 0.0
        self._slow_until = 0.0
        self._thread = threading.Thread(target=self._run, name="log-writer", daemon=True)
        self._thread.start()

    @property
    def healthy(self) -> bool:
        return time.monotonic() >= self._refuse_until

    def commit(self, event: str) -> asyncio.Future[None]:
        """Done when the event is durable; LogUnavailable if it is not in the spool."""
        done = self._loop.create_future()
        if not self._group:
            self._loop.call_soon(self._commit_group)
        self._group.append((event, done))
        return done

    async def close(self) -> None:
        """Commit what waits."""
        self._commit_group()
        self._waiting.put(None)
        await asyncio.to_thread(self._thread.join)

    def _commit_group(self) -> None:
        group, self._group = self._group, []
        if not group:
            return
        if len(group) <= MAX_GROUP and self._quick and self._append_at_once(group):
            _settle(group, False)
            return
        self._handed_over += len(group)
        for commit in group:
            self._waiting.put(commit)

    @property
    def _quick(self) -> bool:
        """Whether a commit may be made on the loop. Never beside the thread: it would overtake."""
        return (
            not self._spool.syncs
            and not self._handed_over
            and time.monotonic() >= max(self._slow_until, self._refuse_until)
        )

    def _append_at_once(self, group: list[PendingCommit]) -> bool:
        begun = time.perf_counter()
        try:
            self._spool.append([event for event, _ in group], patient=False)
        except Exception:  # of any kind: the thread tries again and knows what to do
            return False
        took = time.perf_counter() - begun
        self._metrics.commit_s.observe(took)
        if took > SLOW_S:
            self._slow_until = time.monotonic() + SLOW_PAUSE_S
        return True

    def _run(self) -> None:
        commit = self._waiting.get()
        while commit is not None:
            group = [commit]
            commit = None
            try:
                while len(group) < MAX_GROUP:
                    following = self._waiting.get_nowait()
                    if following is None:
                        self._waiting.put(None)  # seen again once this group is in
                        break
                    group.append(following)
            except queue.Empty:
                pass
            failed = not self._append([event for event, _ in group])
            self._loop.call_soon_threadsafe(self._heard, group, failed)
            commit = self._waiting.get()

    def _heard(self, group: list[PendingCommit], failed: bool) -> None:
        self._handed_over -= len(group)
        _settle(group, failed)

    def _append(self, events: list[str]) -> bool:
        begun = time.perf_counter()
        try:
            self._spool.append(events, patient=True)
        except Exception as error:  # of any kind: a writer that ended would hang every request
            why = f"{type(error).__name__}: {error}"
            log.error("spool commit failed", extra={"fields": {"why": why}})
            self._refuse_until = time.monotonic() + PAUSE_S
            self._spool.reopen_writers()
            self._metrics.commit_failures.inc()
            return False
        self._metrics.commit_s.observe(time.perf_counter() - begun)
        return True


def _settle(group: list[PendingCommit], failed: bool) -> None:
    for _, done in group:
        if done.cancelled():  # its client has left; the event is in all the same
            continue
        if failed:
            done.set_exception(LogUnavailable())
        else:
            done.set_result(None)
