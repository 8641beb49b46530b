"""Composition root of forwarding, as a thread of this process or as a process of its own.
`python -m gateway` forks that process. `python -m gateway.forwarding` is one that was started
after another had died."""

import gc
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from contract.process.memory import limit_mmap_threshold, share_one_arena
from gateway.log.given_answers import without_others
from gateway.log.outbox.forwarder import ANSWER_TIMEOUT_S, DeleteAnswers, Forwarder, OnRound
from gateway.log.outbox.metrics import OutboxMetrics
from gateway.log.outbox.process.child import ForwarderChild
from gateway.log.outbox.process.handle import ForwarderProcess, WaitingForwarder
from gateway.log.outbox.process.messages import ForwarderConnection, ForwarderOptions
from gateway.log.outbox.spool import Spool
from gateway.log.outbox.spool_folder import SpoolFolder
from gateway.log.schema.database import open_database

if TYPE_CHECKING:  # the forwarder's process does not import it, see ForwarderOptions
    from gateway.config import Settings

# Where the packages of this project are, however the gateway itself was started.
PACKAGES = Path(__file__).parents[1]


def open_forwarder(
    settings: "Settings",
    process: WaitingForwarder | None,
    own: Spool,
    metrics: OutboxMetrics,
    delete_answers: DeleteAnswers,
) -> Forwarder | ForwarderProcess:
    """A gateway's: the process that was forked for it, or else a thread. Only `python -m gateway`
    forks one."""
    options = options_of(settings, own)
    if process is None:
        return thread_forwarder(options, own, metrics, delete_answers)
    return ForwarderProcess(options, process, spawn, own, metrics, delete_answers)


def options_of(settings: "Settings", own: Spool | None) -> ForwarderOptions:
    return ForwarderOptions(
        spool=str(own.folder) if own else "",
        spool_dir=str(settings.spool_dir),
        log_durability=settings.log_durability,
        spool_max_bytes=settings.spool_max_bytes,
        spool_reserve_bytes=settings.spool_reserve_bytes,
        database_url=settings.sqlalchemy_url.render_as_string(hide_password=False),
        log_level=settings.log_level,
    )


def thread_forwarder(
    options: ForwarderOptions,
    own: Spool | None,
    metrics: OutboxMetrics,
    delete_answers: DeleteAnswers,
    on_round: OnRound = lambda: None,
) -> Forwarder:
    """In a thread of the process that calls this."""
    engine = open_database(options, answer_timeout_s=ANSWER_TIMEOUT_S)
    return Forwarder(
        options,
        SpoolFolder(Path(options.spool_dir), options.log_durability),
        own,
        engine,
        metrics,
        without_others(engine, delete_answers),
        on_round,
    )


def fork() -> WaitingForwarder:
    """The first process of a gateway: to be called before there is any thread or connection. It
    takes 0.04 s where a new interpreter takes 0.3, and shares what both have imported."""
    gc.collect()
    gc.freeze()  # both share these pages: a collection must not write to them
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        try:
            ours.close()
            _forward(theirs)
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            os._exit(1)
    theirs.close()
    return WaitingForwarder(
        pid, ForwarderConnection(ours), lambda: os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    )


def spawn() -> WaitingForwarder:
    """A later one, from nothing: by now this process has threads and connections."""
    ours, theirs = socket.socketpair()
    with theirs:
        number = theirs.fileno()
        path = os.pathsep.join(filter(None, [str(PACKAGES), os.environ.get("PYTHONPATH")]))
        process = subprocess.Popen(  # noqa: S603
            # -P: nothing is imported from the current folder, which is any folder of a person's.
            [sys.executable, "-P", "-m", "gateway.forwarding", str(number)],
            env={**os.environ, "PYTHONPATH": path},
            stdin=subprocess.DEVNULL,
            pass_fds=[number],
        )
    return WaitingForwarder(process.pid, ForwarderConnection(ours), process.wait)


def _forward(end: socket.socket) -> None:
    ForwarderChild(ForwarderConnection(end)).run(thread_forwarder)


def main() -> None:
    limit_mmap_threshold()
    share_one_arena()
    _forward(socket.socket(fileno=int(sys.argv[1])))


if __name__ == "__main__":
    main()
