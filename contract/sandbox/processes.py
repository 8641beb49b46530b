"""Helper processes as their service sees them: a few that wait for work, each with one piece at a
time. One that dies, or takes too long, costs its own piece of work and nothing else."""

import asyncio
import contextlib
import logging
import signal
import socket
from typing import Any, NoReturn

from contract.errors import Overloaded
from contract.sandbox.fork_server import FAULTY, TOO_LARGE
from contract.sandbox.limits import Limits
from contract.sandbox.spawning import GONE, ForkServer, Helper
from contract.sandbox.wire import BrokenMessageError

log = logging.getLogger(__name__)


# A fork takes milliseconds, a fork server's start with its models some seconds on a busy machine.
START_S = 20


# No work of a helper brings these on itself: its limits end in SIGPROF or MemoryError, and faults
# in SIGSEGV and the like. SIGKILL is what a machine or a container without memory sends.
FROM_OUTSIDE = {-signal.SIGKILL, -signal.SIGTERM, -signal.SIGHUP}


class TooCostlyError(Exception):
    """The work went beyond its limits, or its helper died of it."""


class StalledError(TooCostlyError):
    """It did not end by the clock, with CPU time left: the machine is too busy, or the helper was
    stopped. Where a limit by the clock is no longer than that of CPU time, it says neither."""


class _KilledError(Exception):
    """From outside, which says nothing of the work."""


class NoHelperError(Exception):
    """No process can be started."""


class RefusedError(Exception):
    """The work says what is wrong with its input, by the code of an error of the contract."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class HelperProcesses:
    """Up to `count` helpers of one fork server. `works_each`: after so many pieces of work a helper
    is replaced. `max_waiting`: pieces of work that wait for one, `max_waiting_bytes`: of their
    bodies together."""

    def __init__(
        self,
        server: ForkServer,
        limits: Limits,
        *,
        count: int,
        max_waiting: int,
        max_body_bytes: int,
        max_result_bytes: int,
        works_each: int,
        max_waiting_bytes: int | None = None,
    ) -> None:
        self._server = server
        self._limits = limits
        self._count = count
        self._max_waiting = max_waiting
        self._max_body_bytes = max_body_bytes
        self._max_result_bytes = max_result_bytes
        self._works_each = works_each
        self._free = asyncio.Semaphore(count)
        self._max_waiting_bytes = max_waiting_bytes
        self._waiting = self._waiting_bytes = 0
        self._idle: list[Helper] = []

    async def start(self) -> None:
        """Have them ready before there is work."""
        for _ in range(self._count):
            self._idle.append(await self._server.fork(self._limits, self._max_body_bytes))

    def close(self) -> None:
        while self._idle:
            self._server.end(self._idle.pop())

    async def run(self, head: dict[str, Any], body: bytes) -> tuple[dict[str, Any], bytes]:
        """The result of one piece of work. Raises TooCostlyError, RefusedError, NoHelperError;
        Overloaded where too many wait, or where two helpers were killed from outside. Who is
        cancelled takes the helper with them: the work ends at once."""
        if self._free.locked() and self._is_full(len(body)):
            raise Overloaded
        self._waiting += 1
        self._waiting_bytes += len(body)
        try:
            await self._free.acquire()
        finally:
            self._waiting -= 1
            self._waiting_bytes -= len(body)
        try:
            return await self._run(head, body)
        finally:
            self._free.release()

    def _is_full(self, more_bytes: int) -> bool:
        most = self._max_waiting_bytes
        many_bytes = most is not None and self._waiting_bytes + more_bytes > most
        return self._waiting >= self._max_waiting or many_bytes

    async def _run(self, head: dict[str, Any], body: bytes) -> tuple[dict[str, Any], bytes]:
        with contextlib.suppress(_KilledError):
            return await self._run_once(head, body)
        try:
            return await self._run_once(head, body)
        except _KilledError:  # such as a memory that is too small for all helpers
            raise Overloaded from None

    async def _run_once(self, head: dict[str, Any], body: bytes) -> tuple[dict[str, Any], bytes]:
        helper = await self._helper()
        sound = False
        try:
            async with asyncio.timeout(self._limits.wall_s):
                result, data = await helper.exchange(head, body, self._max_result_bytes)
            sound = helper.works_done < self._works_each and result.get("error") != TOO_LARGE
        except TimeoutError:  # an OSError, too: before GONE
            log.warning("a helper stalled", extra={"fields": self._fields})
            raise StalledError from None
        except BrokenMessageError:
            raise TooCostlyError from None
        except GONE:
            await self._blame(helper)
        finally:
            if sound:
                self._idle.append(helper)
            else:
                self._server.end(helper)
        error = result.get("error")
        if error == TOO_LARGE:
            raise TooCostlyError
        if error == FAULTY:
            log.error(
                "a helper's work is faulty", extra={"fields": {"why": str(result.get("why"))}}
            )
            raise TooCostlyError
        if error is not None:
            raise RefusedError(str(error))
        return result, data

    async def _blame(self, helper: Helper) -> NoReturn:
        """It speaks no more: of its work, or of something else?"""
        try:
            async with asyncio.timeout(START_S):
                end = await self._server.end_of(helper)
        except TimeoutError:
            end = -signal.SIGKILL
        log.warning("a helper died", extra={"fields": {**self._fields, "end": end}})
        raise (_KilledError if end in FROM_OUTSIDE else TooCostlyError) from None

    @property
    def _fields(self) -> dict[str, str]:
        return {"work": self._server.module}

    async def _helper(self) -> Helper:
        """One that waits, and has not died while waiting; else a new one. Raises NoHelperError."""
        while self._idle:
            helper = self._idle.pop()
            if _is_quiet(helper.connection):
                return helper
            self._server.end(helper)
        try:
            async with asyncio.timeout(START_S):  # its TimeoutError is an OSError
                return await self._server.fork(self._limits, self._max_body_bytes)
        except (OSError, EOFError) as error:
            log.error("no helper process", extra={"fields": {"why": type(error).__name__}})
            raise NoHelperError from None


def _is_quiet(connection: socket.socket) -> bool:
    """Whether it is open, and nothing has come that nobody asked for."""
    try:
        connection.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
