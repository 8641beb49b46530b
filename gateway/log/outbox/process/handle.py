"""The gateway's side of a forwarder in a process of its own: starts it, believes what it tells, and
starts another one where it dies."""

import contextlib
import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from contract.process.stopping import STOP_S
from gateway.log.given_answers import GivenAnswer
from gateway.log.outbox.forwarder import DeleteAnswers
from gateway.log.outbox.metrics import OutboxMetrics
from gateway.log.outbox.process.messages import (
    ForwarderConnection,
    ForwarderOptions,
    ForwarderReport,
    answers_named,
)
from gateway.log.outbox.spool import Spool

log = logging.getLogger(__name__)

# Before another process is started: doubling from the first to the longest. A start takes 0.3 s of
# CPU. Who has lived for so long has not died of its start.
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
LIVED_S = 60.0
# A forwarder looks at the spools every two seconds or more often. Of one that says nothing for
# longer, the silence counts as lag.
SILENT_S = 5.0


@dataclass(frozen=True)
class WaitingForwarder:
    """A process that has been started, and waits to be told of a spool. `wait` returns its exit
    code."""

    pid: int
    connection: ForwarderConnection
    wait: Callable[[], int]


class ForwarderProcess:
    """Seen from the recorder, it is a `Forwarder`."""

    def __init__(
        self,
        options: ForwarderOptions,
        first: WaitingForwarder,
        spawn: Callable[[], WaitingForwarder],
        own: Spool,
        metrics: OutboxMetrics,
        delete_answers: DeleteAnswers,
    ) -> None:
        """`own` is appended to by this process only, and removed from by the other one only. The
        thread that listens calls `delete_answers`."""
        self._options = options
        self._first = first
        self._spawn = spawn
        self._own = own
        self._metrics = metrics
        self._delete_answers = delete_answers
        self._report = ForwarderReport()  # replaced, never mutated: the event loop reads it
        self._heard_at = time.monotonic()
        self._lock = threading.Lock()  # so that each child is told to stop, and after its start
        self._child: WaitingForwarder | None = None
        self._drain_s = 0.0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="log-forwarder", daemon=True)
        metrics.watch(lambda: self.depth, lambda: self.size, self._options.spool_max_bytes)
        metrics.lag_s.set_function(lambda: self.lag_s)

    @property
    def depth(self) -> int:
        return self._own.depth + self._report.adopted[0]

    @property
    def size(self) -> int:
        """Bytes of the events in all held spools."""
        return self._own.size + self._report.adopted[1]

    @property
    def lag_s(self) -> float:
        """Age of the oldest event that waits, as far as is known."""
        silent_s = time.monotonic() - self._heard_at
        return self._report.lag_s + (silent_s if silent_s > SILENT_S and self.depth else 0)

    @property
    def has_room(self) -> bool:
        """Whether the gateway's spool may take more events."""
        return self._report.own_is_writable and self.size < self._options.spool_max_bytes

    def start(self) -> None:
        self._thread.start()

    def stop(self, drain_s: float) -> None:
        """Have it forward what is left for at most `drain_s`, and kill it where it has not ended
        after STOP_S. Who adopts the spool forwards the rest."""
        with self._lock:
            self._drain_s = drain_s
            self._stopping.set()
            if self._child is not None:
                _tell(self._child, stop=drain_s)
        self._thread.join(STOP_S)
        with self._lock:
            if self._child is not None:  # it hangs
                os.kill(self._child.pid, signal.SIGKILL)
        self._thread.join()
        if self._own.folder.exists():
            self._own.close()
        else:  # the other process has emptied and removed it
            self._own.release()

    def _run(self) -> None:
        child: WaitingForwarder | None = self._first
        pause_s = FIRST_PAUSE_S
        while True:
            begun = time.monotonic()
            if child is not None:
                self._listen(child)
                status = child.wait()
                if self._stopping.is_set():
                    return
                log.error("the forwarder has died", extra={"fields": {"status": status}})
            if time.monotonic() - begun > LIVED_S:
                pause_s = FIRST_PAUSE_S
            if self._stopping.wait(pause_s):
                return
            pause_s = min(LONGEST_PAUSE_S, 2 * pause_s)
            child = self._start_another()

    def _start_another(self) -> WaitingForwarder | None:
        try:
            self._own.recount()  # the last one may have removed what it did not tell
            child = self._spawn()
        except Exception as error:  # of any kind: without a forwarder the spool would fill the disk
            why = f"{type(error).__name__}: {error}"
            log.error("no forwarder could be started", extra={"fields": {"why": why}})
            return None
        self._metrics.restarts.inc()
        return child

    def _listen(self, child: WaitingForwarder) -> None:
        """Until it ends."""
        with self._lock, contextlib.suppress(OSError):
            child.connection.start(self._options, self._own.lock)
            self._child = child
            if self._stopping.is_set():
                _tell(child, stop=self._drain_s)
        told = ForwarderReport()
        for message in child.connection.messages():
            if "delete" in message:
                _tell(child, deleted=self._deletes(answers_named(message["delete"])))
                continue
            report = ForwarderReport.read(message["report"])
            self._own.removed = report.removed
            self._metrics.add(report.counts, told.counts)
            self._report = told = report
            self._heard_at = time.monotonic()
        with self._lock:
            self._child = None
        child.connection.close()

    def _deletes(self, answers: list[GivenAnswer]) -> bool:
        try:
            return self._delete_answers(answers)
        except Exception:  # of any kind: the forwarder waits for an answer
            log.exception("cached answers not deleted")
            return False


def _tell(child: WaitingForwarder, **message: object) -> None:
    with contextlib.suppress(OSError):  # it has just died
        child.connection.tell(**message)
