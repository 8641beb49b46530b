"""Group commit: events that arrive while one commit runs share the next, in a thread of its own."""

import asyncio
import logging
import queue
import threading
import time

from contract.errors import LogUnavailable
from gateway.log.metrics import LogMetrics
from gateway.log.spool import MAX_GROUP, Spool

log = logging.getLogger(__name__)

# After a failed commit questions are refused for this long before the spool is tried again.
PAUSE_S = 1.0

Entry = tuple[str, asyncio.Future[None]]


class GroupWriter:
    """`commit` belongs to the event loop that is running when the writer is made."""

    def __init__(self, spool: Spool, metrics: LogMetrics) -> None:
        self._spool = spool
        self._metrics = metrics
        self._loop = asyncio.get_running_loop()
        self._waiting: queue.SimpleQueue[Entry | None] = queue.SimpleQueue()  # None: the last
        self._refuse_until = 0.0
        self._thread = threading.Thread(target=self._run, name="log-writer", daemon=True)
        self._thread.start()

    @property
    def healthy(self) -> bool:
        return time.monotonic() >= self._refuse_until

    def commit(self, event: str) -> asyncio.Future[None]:
        """Done when the event is durable; LogUnavailable if it is not in the spool."""
        done = self._loop.create_future()
        self._waiting.put((event, done))
        return done

    async def close(self) -> None:
        """Commit what waits."""
        self._waiting.put(None)
        await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        entry = self._waiting.get()
        while entry is not None:
            group = [entry]
            entry = None
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
            self._loop.call_soon_threadsafe(_settle, group, failed)
            entry = self._waiting.get()

    def _append(self, events: list[str]) -> bool:
        begun = time.perf_counter()
        try:
            self._spool.append(events)
        except Exception as error:  # of any kind: a writer that ended would hang every request
            why = f"{type(error).__name__}: {error}"
            log.error("spool commit failed", extra={"fields": {"why": why}})
            self._refuse_until = time.monotonic() + PAUSE_S
            self._spool.reopen_writer()
            self._metrics.commit_failures.inc()
            return False
        self._metrics.commit_s.observe(time.perf_counter() - begun)
        return True


def _settle(group: list[Entry], failed: bool) -> None:
    for _, done in group:
        if done.cancelled():  # its client has left; the event is in all the same
            continue
        if failed:
            done.set_exception(LogUnavailable())
        else:
            done.set_result(None)
