"""Starts helper processes, and speaks with one of them."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

from contract.sandbox.fork_server import ASK, COMMAND, END, FORK, KILL, PID, SIZE
from contract.sandbox.limits import Limits
from contract.sandbox.wire import HEADER, BrokenMessageError, head_of, lengths, packed

# Of the service's own environment nothing else goes to helpers: it contains secrets.
_ENVIRONMENT = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PYTHONDONTWRITEBYTECODE")
# Of libraries that start threads, for tokenizers and numpy.
_THREAD_COUNTS = ("RAYON_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
# Where the packages of this project are, however the service itself was started.
_PACKAGES = Path(__file__).parents[2]
# Most results are a few hundred bytes.
_FIRST_READ_BYTES = 64 * 1024
# A fork server that has not answered for so long hangs, or was stopped. It forks in milliseconds.
HANGS_S = 5.0
# The same at its start, which loads models: who waits has long given up.
HANGS_AT_START_S = 60.0
# What is raised where a helper, or the fork server, has died or speaks nonsense.
GONE = (EOFError, OSError, BrokenMessageError)


class Helper:
    """One process; `connection` is a socket to it alone."""

    def __init__(self, pid: int, connection: socket.socket) -> None:
        self.pid = pid
        self.connection = connection
        self.works_done = 0

    async def exchange(
        self, head: dict[str, Any], body: bytes, max_result_bytes: int
    ) -> tuple[dict[str, Any], bytes]:
        """Raises what is in GONE."""
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(self.connection, packed(head, len(body)))
        await loop.sock_sendall(self.connection, body)
        self.works_done += 1
        data = bytearray(await self._read(_FIRST_READ_BYTES))
        while len(data) < HEADER.size:
            data += await self._read(HEADER.size)
        head_bytes, body_bytes = lengths(data, max_result_bytes)
        begin = HEADER.size + head_bytes
        count = len(data)
        data += bytes(max(0, begin + body_bytes - count))
        rest = memoryview(data)[count:]
        while rest:
            received = await loop.sock_recv_into(self.connection, rest)
            if received == 0:
                raise EOFError
            rest = rest[received:]
        if count > begin + body_bytes:  # it speaks without being asked
            raise BrokenMessageError
        return head_of(data[HEADER.size : begin]), bytes(memoryview(data)[begin:])

    async def _read(self, most: int) -> bytes:
        data = await asyncio.get_running_loop().sock_recv(self.connection, most)
        if not data:
            raise EOFError
        return data


class ForkServer:
    """Starts a process that forks helpers for the work of one module, and starts it again should it
    die or hang."""

    def __init__(self, module: str, payload: bytes = b"") -> None:
        self.module = module
        self._payload = payload
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._lock = asyncio.Lock()
        self.without_network = False
        """Whether helpers are in a network namespace of their own. In any case they can open no
        socket."""

    async def fork(self, limits: Limits, max_body_bytes: int) -> Helper:
        """Raises OSError, EOFError where no process can be started."""
        # Shielded: a reply that nobody reads would be taken for that to the next command. A helper
        # that nobody takes leaves when its socket is collected.
        return await asyncio.shield(self._fork_or_start(limits, max_body_bytes))

    async def _fork_or_start(self, limits: Limits, max_body_bytes: int) -> Helper:
        async with self._lock:
            if self._process is None or self._process.poll() is not None:
                await self._start()
            try:
                return await self._fork(limits, max_body_bytes)
            except (OSError, EOFError):
                await self._start()
                return await self._fork(limits, max_body_bytes)

    async def _fork(self, limits: Limits, max_body_bytes: int) -> Helper:
        assert self._control is not None
        ours, theirs = socket.socketpair()
        with theirs:
            ours.setblocking(False)
            command = COMMAND.pack(FORK, 0, limits.cpu_s, limits.memory_bytes, max_body_bytes)
            try:
                socket.send_fds(self._control, [command], [theirs.fileno()])
                (pid,) = PID.unpack(await self._reply(PID.size))
            except BaseException:
                ours.close()
                raise
        return Helper(pid, ours)

    async def end_of(self, helper: Helper) -> int:
        """What has ended a helper that speaks no more: minus the number of a signal, or its exit
        status. SIGKILL where nobody knows, as where the fork server has died, too. It is gone
        afterwards in any case."""
        return await asyncio.shield(self._end_of(helper))  # as in `fork`

    async def _end_of(self, helper: Helper) -> int:
        async with self._lock:
            if self._control is None:
                return -signal.SIGKILL
            try:
                self._control.send(COMMAND.pack(ASK, helper.pid, 0, 0, 0))
                (end,) = END.unpack(await self._reply(END.size))
            except (OSError, EOFError):  # what it says late would be taken for another reply
                await asyncio.to_thread(self.close)
                return -signal.SIGKILL
        return int(end)

    async def _reply(self, size: int) -> bytes:
        assert self._control is not None
        async with asyncio.timeout(HANGS_S):  # its TimeoutError is an OSError
            reply = await asyncio.get_running_loop().sock_recv(self._control, size)
        if len(reply) < size:
            raise EOFError
        return reply

    def end(self, helper: Helper) -> None:
        """Whatever it is doing."""
        helper.connection.close()
        if self._control is not None:
            with contextlib.suppress(OSError):
                self._control.send(COMMAND.pack(KILL, helper.pid, 0, 0, 0))

    async def _start(self) -> None:
        await asyncio.to_thread(self.close)
        ours, theirs = socket.socketpair()
        with theirs:
            names = [name for name in _ENVIRONMENT if name in os.environ]
            environment = {name: os.environ[name] for name in names}
            environment["PYTHONPATH"] = str(_PACKAGES)
            # Threads do not survive a fork.
            environment |= dict.fromkeys(_THREAD_COUNTS, "1") | {"TOKENIZERS_PARALLELISM": "false"}
            # -P: nothing is imported from the current folder, which is any folder of a person's.
            command = [sys.executable, "-P", "-m", "contract.sandbox.fork_server", self.module]
            self._process = launch(command, environment, theirs.fileno())
        ours.setblocking(False)
        self._control = ours
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(HANGS_AT_START_S):
            await loop.sock_sendall(ours, SIZE.pack(len(self._payload)) + self._payload)
            ready = await loop.sock_recv(ours, 1)
        if not ready:
            raise EOFError
        self.without_network = ready == b"\1"

    @property
    def process_id(self) -> int | None:
        return self._process.pid if self._process is not None else None

    def hang_up(self) -> None:
        """As if the service had died: fork server and helpers then leave."""
        if self._control is not None:
            self._control.close()

    def close(self) -> None:
        """With all its helpers."""
        self.hang_up()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._control = self._process = None


def launch(
    command: list[str], environment: dict[str, str], descriptor: int
) -> subprocess.Popen[bytes]:
    """Start it, with the number of the descriptor that it inherits as its last argument. Not
    asyncio's way, which has to watch the process: this takes a millisecond, once in its life."""
    return subprocess.Popen(  # noqa: S603
        [*command, str(descriptor)],
        env=environment,
        stdin=subprocess.DEVNULL,
        pass_fds=[descriptor],
    )
