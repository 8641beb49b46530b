"""The way to one replica: its kept-alive connections, and requests sent over them."""

import asyncio
import functools
import ssl
import time
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from gateway.pool.http.connection import BrokenError, Connection

# A replica in the same network answers in microseconds, or is not there.
CONNECT_S = 1.0
# uvicorn and llama.cpp close idle connections after 5 s; a question must not meet that moment.
IDLE_S = 4.0


class Hop:
    def __init__(self, url: str, connect_s: float | None = CONNECT_S) -> None:
        """`connect_s`: None leaves it to the caller how long connecting may take."""
        parts = urlsplit(url)
        self._tls = _trusted() if parts.scheme == "https" else None
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if self._tls else 80)
        self._base = parts.path
        self._netloc = parts.netloc.rpartition("@")[2]
        self._idle: deque[Connection] = deque()
        self._connect_s = connect_s
        self._closed = False
        self.heard_at = time.monotonic()
        """When the replica last said anything, to whatever question."""

    @asynccontextmanager
    async def request(
        self, method: str, path: str, headers: Mapping[str, str], body: Sequence[bytes] = ()
    ) -> AsyncIterator[Connection]:
        """The answer's head has come when this is entered. Leaving it before the answer is marked
        `finished` closes the connection. Raises BrokenError."""
        target = self._base + path
        headers = {"host": self._netloc, **headers}
        connection = self._kept()
        reused = connection is not None
        if connection is None:
            connection = await self._connect()
        try:
            connection.send(method, target, headers, body)
            try:
                await connection.head()
            except BrokenError:
                if not reused or connection.touched:
                    raise
                # Closed just as we sent: no fault of the replica, which has seen nothing.
                connection = await self._connect()
                connection.send(method, target, headers, body)
                await connection.head()
            yield connection
        finally:
            connection.leave()

    def close(self) -> None:
        self._closed = True
        for connection in self._idle:
            connection.close()

    def _free(self, connection: Connection) -> None:
        if self._closed:
            connection.close()
        else:
            self._idle.append(connection)

    def _kept(self) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()  # the youngest: the others may rest until they expire
            if connection.open and time.monotonic() - connection.idle_since < IDLE_S:
                return connection
            connection.close()
        return None

    async def _connect(self) -> Connection:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._connect_s):
                _, connection = await loop.create_connection(
                    lambda: Connection(self._heard, self._free, self._lost),
                    self._host,
                    self._port,
                    ssl=self._tls,
                )
        except (OSError, TimeoutError) as error:
            raise BrokenError("connect", repr(error)) from None
        return connection

    def _heard(self) -> None:
        self.heard_at = time.monotonic()

    def _lost(self, connection: Connection) -> None:
        if connection in self._idle:
            self._idle.remove(connection)


@functools.cache
def _trusted() -> ssl.SSLContext:
    """The machine's authorities as they are now; costs some milliseconds and a megabyte."""
    return ssl.create_default_context()
