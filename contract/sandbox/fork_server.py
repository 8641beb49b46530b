"""`python -m contract.sandbox.fork_server`: has loaded what helpers need, and forks them. A fork
takes 1 to 3 ms where a new interpreter takes 200: a helper that died is replaced at once.

It does nothing else: one thread, no work of strangers, and a socket to its service."""

import contextlib
import gc
import importlib
import logging
import os
import select
import signal
import socket
import struct
import sys
import warnings
from collections.abc import Callable
from typing import Any

from contract.errors import ShopsightError
from contract.process.memory import limit_mmap_threshold
from contract.sandbox.limits import Limits, begin_work, confine, end_work, leave_the_network
from contract.sandbox.wire import packed, receive, receive_exactly

# Kind, pid, CPU seconds, bytes of memory, largest body.
COMMAND = struct.Struct("<cIdQQ")
FORK, KILL, ASK = b"F", b"K", b"A"
PID = struct.Struct("<I")
# How a helper has ended: minus the number of a signal, or its exit status.
END = struct.Struct("<i")
# Ends that nobody has asked about. A helper that its service does not know is never asked about.
MAX_ENDS = 1000
SIZE = struct.Struct("<Q")
# Errors that are none of the contract's: too little memory, and a fault of the work's own.
TOO_LARGE, FAULTY = "too_large", "faulty"

Work = Callable[[dict[str, Any], bytes], tuple[dict[str, Any], bytes]]
"""Of a helper: head and body of a job → those of its result. It may raise the contract's errors."""


def main() -> None:
    """The first argument names a module, whose `prepare(payload)` returns the work. The second is
    the descriptor of the socket to the service."""
    control = socket.socket(fileno=int(sys.argv[2]))
    (size,) = SIZE.unpack(receive_exactly(control, SIZE.size))
    payload = bytes(receive_exactly(control, size))
    limit_mmap_threshold()
    # What libraries say of a stranger's file: 40,000 lines of one photo.
    warnings.simplefilter("ignore")
    logging.disable()
    without_network = leave_the_network()  # before a library starts a thread: no process may then
    work: Work = importlib.import_module(sys.argv[1]).prepare(payload)
    del payload
    gc.collect()
    gc.freeze()  # helpers share these pages: a collection must not write to them
    control.sendall(b"\1" if without_network else b"\0")
    _Forking(control, work).serve()


class _Forking:
    def __init__(self, control: socket.socket, work: Work) -> None:
        self._control = control
        self._work = work
        self._children: set[int] = set()
        """Those that the service has not ended."""
        self._ends: dict[int, int] = {}
        """Of helpers that have died by themselves."""
        self._woken, self._waker = socket.socketpair()
        self._waker.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the service, which then leaves
        signal.set_wakeup_fd(self._waker.fileno(), warn_on_full_buffer=False)

    def serve(self) -> None:
        """Until the service is gone."""
        while True:
            readable, _, _ = select.select([self._control, self._woken], [], [])
            if self._woken in readable:
                self._woken.recv(4096)
                self._reap()
            if self._control in readable and not self._obey():
                signal.set_wakeup_fd(-1)  # else Python complains of it when it is closed at the end
                for pid in self._children:
                    os.kill(pid, signal.SIGKILL)
                return

    def _reap(self) -> None:
        with contextlib.suppress(ChildProcessError):  # there is none
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return
                if pid in self._children:
                    self._note(pid, status)

    def _note(self, pid: int, status: int) -> None:
        self._children.discard(pid)
        self._ends[pid] = os.waitstatus_to_exitcode(status)
        if len(self._ends) > MAX_ENDS:
            del self._ends[next(iter(self._ends))]

    def _obey(self) -> bool:
        try:
            data, descriptors, _, _ = socket.recv_fds(self._control, COMMAND.size, 1)
        except ConnectionError:  # the service left without reading all that was said
            return False
        if len(data) < COMMAND.size:
            return False
        kind, pid, cpu_s, memory_bytes, max_body_bytes = COMMAND.unpack(data)
        if kind == FORK:
            connection = socket.socket(fileno=descriptors[0])
            pid = self._fork(connection, Limits(cpu_s, memory_bytes), max_body_bytes)
            self._control.sendall(PID.pack(pid))
            connection.close()
        elif kind == ASK:
            self._control.sendall(END.pack(self._end_of(pid)))
        else:
            if pid in self._children:  # not reaped yet, so that the number is still its own
                os.kill(pid, signal.SIGKILL)
            self._children.discard(pid)
            self._ends.pop(pid, None)
        return True

    def _end_of(self, pid: int) -> int:
        """Of a helper that speaks no more. One that dies keeps the cause that it has, and one that
        lives is killed. SIGKILL where nobody knows: a fork server before this one had it."""
        if pid in self._children:
            os.kill(pid, signal.SIGKILL)
            self._note(*os.waitpid(pid, 0))
        return self._ends.pop(pid, -signal.SIGKILL)

    def _fork(self, connection: socket.socket, limits: Limits, max_body_bytes: int) -> int:
        pid = os.fork()
        if pid:
            self._children.add(pid)
            self._ends.pop(pid, None)  # of one before it with the same number
            return pid
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for other in (self._control, self._woken, self._waker):
                other.close()
            confine(limits)
            _work_until_left(connection, self._work, limits, max_body_bytes)
        finally:
            os._exit(0)  # nothing of the fork server's is to be cleaned up here


def _work_until_left(
    connection: socket.socket, work: Work, limits: Limits, max_body_bytes: int
) -> None:
    while True:
        try:
            head, body = receive(connection, max_body_bytes)
        except (EOFError, ConnectionError):
            return
        begin_work(limits)
        try:
            result, data = work(head, body)
        except ShopsightError as error:
            result, data = {"error": error.code}, b""
        except MemoryError:
            result, data = {"error": TOO_LARGE}, b""
        except Exception as error:
            result, data = {"error": FAULTY, "why": type(error).__name__}, b""
        end_work()
        del body
        connection.sendall(packed(result, len(data)))
        connection.sendall(data)
        del data


if __name__ == "__main__":
    main()
