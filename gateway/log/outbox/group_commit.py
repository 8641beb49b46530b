"""Group commit: events of one iteration of the event loop share a commit. The loop commits if that
takes microseconds. A thread does if it may have to wait for the disk or another writer."""

import asyncio
import logging
import queue
import threading
import time

from gateway.errors import LogUnavailable
from gateway.log.outbox.metrics import OutboxMetrics
from gateway.log.outbox.spool import MAX_GROUP, Spool

log = logging.getLogger(__name__)

# After a failed commit, questions are refused for so long before the spool is tried again.
PAUSE_S = 1.0
# If a commit on the loop takes longer than SLOW_S, the disk is busy: the thread commits for the
# next SLOW_PAUSE_S.
SLOW_S = 0.02
SLOW_PAUSE_S = 5.0

PendingCommit = tuple[str, asyncio.Future[None]]
"""An event, and what its request waits for."""


class GroupCommit:
    """Belongs to the event loop that runs when it is made: only that loop may call `commit`."""

    def __init__(self, spool: Spool, metrics: OutboxMetrics) -> None:
        self._spool = spool
        self._metrics = metrics
        self._loop = asyncio.get_running_loop()
        self._group: list[PendingCommit] = []
        self._in_thread = 0  # commits handed to the thread whose result the loop does not know yet
        # None ends the thread.
        self._queue: queue.SimpleQueue[PendingCommit | None] = queue.SimpleQueue()
        self._refuse_until = 0.0
        self._slow_until = 0.0
        self._thread = threading.Thread(target=self._run, name="log-writer", daemon=True)
        self._thread.start()

    @property
    def healthy(self) -> bool:
        """False for PAUSE_S after a failed commit."""
        return time.monotonic() >= self._refuse_until

    def commit(self, event: str) -> asyncio.Future[None]:
        """A future that is done when the event is durable. It raises LogUnavailable if the event
        could not be committed."""
        done = self._loop.create_future()
        if not self._group:
            self._loop.call_soon(self._commit_group)
        self._group.append((event, done))
        return done

    async def close(self) -> None:
        """Commit the events that wait, and end the thread. It takes as long as the disk does, so
        the thread commits: the loop goes on."""
        self._commit_in_thread()
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)

    def _commit_group(self) -> None:
        group = self._group
        if not group:
            return
        if len(group) <= MAX_GROUP and self._may_commit_on_loop and self._append_on_loop(group):
            self._group = []
            _resolve(group, False)
            return
        self._commit_in_thread()

    def _commit_in_thread(self) -> None:
        group, self._group = self._group, []
        self._in_thread += len(group)
        for commit in group:
            self._queue.put(commit)

    @property
    def _may_commit_on_loop(self) -> bool:
        """Never while the thread has commits: the loop's would overtake them."""
        return (
            not self._spool.fsyncs
            and not self._in_thread
            and time.monotonic() >= max(self._slow_until, self._refuse_until)
        )

    def _append_on_loop(self, group: list[PendingCommit]) -> bool:
        started = time.perf_counter()
        try:
            self._spool.append([event for event, _ in group], wait=False)
        except Exception:  # of any kind: the thread tries again and handles the error
            return False
        took_s = time.perf_counter() - started
        self._metrics.commit_s.observe(took_s)
        if took_s > SLOW_S:
            self._slow_until = time.monotonic() + SLOW_PAUSE_S
        return True

    def _run(self) -> None:
        commit = self._queue.get()
        while commit is not None:
            group = [commit]
            commit = None
            try:
                while len(group) < MAX_GROUP:
                    next_commit = self._queue.get_nowait()
                    if next_commit is None:
                        self._queue.put(None)  # read again after this group's commit
                        break
                    group.append(next_commit)
            except queue.Empty:
                pass
            failed = not self._append_in_thread([event for event, _ in group])
            self._loop.call_soon_threadsafe(self._on_thread_commit, group, failed)
            commit = self._queue.get()

    def _on_thread_commit(self, group: list[PendingCommit], failed: bool) -> None:
        self._in_thread -= len(group)
        _resolve(group, failed)

    def _append_in_thread(self, events: list[str]) -> bool:
        started = time.perf_counter()
        try:
            self._spool.append(events, wait=True)
        except Exception as error:  # of any kind: if the thread ended, every request would hang
            why = f"{type(error).__name__}: {error}"
            log.error("spool commit failed", extra={"fields": {"why": why}})
            self._refuse_until = time.monotonic() + PAUSE_S
            self._spool.reopen_writers()
            self._metrics.commit_failures.inc()
            return False
        self._metrics.commit_s.observe(time.perf_counter() - started)
        return True


def _resolve(group: list[PendingCommit], failed: bool) -> None:
    for _, done in group:
        if done.cancelled():  # its client has left; the event is committed all the same
            continue
        if failed:
            done.set_exception(LogUnavailable())
        else:
            done.set_result(None)
