"""The forwarder's process: runs a forwarder until its gateway tells it to stop, or is gone."""

import contextlib
import logging
import os
import queue
import signal
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from prometheus_client import CollectorRegistry

from contract.process.logs import configure_logging
from gateway.log.given_answers import GivenAnswer
from gateway.log.outbox.forwarder import DeleteAnswers, Forwarder, OnRound
from gateway.log.outbox.metrics import OutboxMetrics
from gateway.log.outbox.process.messages import (
    ForwarderConnection,
    ForwarderOptions,
    ForwarderReport,
    named,
)
from gateway.log.outbox.spool import Spool

log = logging.getLogger(__name__)

# What `ps`, `top` and /proc call it. The kernel takes 15 bytes.
NAME = "log-forwarder"

# How often the gateway is told, at least: it takes a longer silence for a lag.
TELL_S = 1.0

# Makes a forwarder of the gateway's spool, given its metrics, what deletes cached answers, and what
# is to be called after each round.
MakeForwarder = Callable[
    [ForwarderOptions, Spool, OutboxMetrics, DeleteAnswers, OnRound], Forwarder
]


class ForwarderChild:
    def __init__(self, connection: ForwarderConnection) -> None:
        self._connection = connection
        self._deleted: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._metrics = OutboxMetrics(CollectorRegistry())
        self._told = ForwarderReport()
        self._told_at = 0.0

    def run(self, make: MakeForwarder) -> None:
        """Until told to stop. Where the gateway is gone, the process ends at once, as the gateway
        did: whoever adopts the spool sends again what was under way."""
        # A terminal sends Ctrl-C to all of its processes, and systemd SIGTERM. The gateway has more
        # to record by then: it tells when to stop.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        _take_name()
        if (started := self._connection.started()) is None:
            return
        options, lock = started
        configure_logging(options.log_level)
        self._own = Spool(Path(options.spool), lock, options.log_durability)
        self._forwarder = make(
            options, self._own, self._metrics, self._delete_answers, self._report
        )
        self._forwarder.start()
        for message in self._connection.messages():
            if "stop" in message:
                # In a thread: this one hears of the gateway's end, and of answers deleted.
                threading.Thread(target=self._stop, args=[message["stop"]], daemon=True).start()
            else:
                self._deleted.put(message["deleted"])
        log.warning("the gateway is gone, and its forwarder ends")
        os._exit(1)

    def _stop(self, drain_s: float) -> None:
        self._forwarder.stop(drain_s)
        self._report()
        os._exit(0)

    def _report(self) -> None:
        report = ForwarderReport(
            self._own.removed,
            self._forwarder.spools.adopted,
            self._forwarder.spools.own_is_writable,
            self._forwarder.lag_s,
            self._metrics.counts(),
        )
        now = time.monotonic()
        if report != self._told or now - self._told_at > TELL_S:
            self._told, self._told_at = report, now
            with contextlib.suppress(OSError):  # the gateway is gone, and `run` ends the process
                self._connection.tell(**report.wire())

    def _delete_answers(self, answers: Sequence[GivenAnswer]) -> bool:
        """The gateway does: it may keep them in its own memory."""
        self._connection.tell(delete=named(answers))
        return self._deleted.get()


def _take_name() -> None:
    with contextlib.suppress(OSError):  # no Linux
        Path("/proc/self/comm").write_text(NAME)
