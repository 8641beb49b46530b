"""The kept-alive connections to one replica, and requests sent over them."""

import asyncio
import functools
import socket
import ssl
import time
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from gateway.pool.http.connection import Connection, UpstreamError

# A replica in the same network accepts a connection in microseconds, or is not there.
CONNECT_TIMEOUT_S = 1.0
# A server with a certificate is elsewhere: its name is looked up, and the handshake takes two more
# round trips. Less than REPLICA_SILENCE_S, after which it would count as hung.
TLS_CONNECT_TIMEOUT_S = 4.0
# A line of a batch may wait in silence for half an hour. Whether the other machine is still there
# is asked after 30 s, and then every 10 s. After 3 without an answer the connection fails.
KEEP_ALIVE = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3}
# uvicorn and llama.cpp close idle connections after 5 s. A request must not be sent at that moment.
MAX_IDLE_S = 4.0
# A connection that was closed as we sent is lost within a round trip, under a millisecond in the
# same network. What is lost later may be lost because of the request: a replica that it killed, or
# a proxy that waited in vain for a first byte.
STALE_LOSS_S = 0.05


class ConnectionPool:
    def __init__(self, url: str, *, bounds_connecting: bool = True) -> None:
        """`bounds_connecting`: False leaves the time limit for connecting to the caller."""
        parts = urlsplit(url)
        self._tls = _tls_context() if parts.scheme == "https" else None
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if self._tls else 80)
        self._base_path = parts.path
        self._netloc = parts.netloc.rpartition("@")[2]
        self._idle: deque[Connection] = deque()
        usual_s = TLS_CONNECT_TIMEOUT_S if self._tls else CONNECT_TIMEOUT_S
        self._connect_timeout_s = usual_s if bounds_connecting else None
        self.closed = False
        self.last_byte_at = time.monotonic()
        """When the replica last sent a byte of a body, over any of these connections."""

    @asynccontextmanager
    async def request(
        self, method: str, path: str, headers: Mapping[str, str], body: Sequence[bytes] = ()
    ) -> AsyncIterator[Connection]:
        """Enter with the head of the response received. If the caller leaves before it sets
        `finished`, the connection closes. Raises UpstreamError."""
        target = self._base_path + path
        headers = {"host": self._netloc, **headers}
        connection = self._take_idle()
        reused = connection is not None
        if connection is None:
            connection = await self._connect()
        try:
            sent_at = time.monotonic()
            connection.send(method, target, headers, body)
            try:
                await connection.read_head()
            except UpstreamError as error:
                late = time.monotonic() - sent_at > STALE_LOSS_S
                if not reused or connection.response_started or late:
                    raise
                # The replica closed the idle connection just as we sent: it saw no request.
                try:
                    connection = await self._connect()
                except UpstreamError:  # or it did, and died of it
                    raise error from None
                connection.send(method, target, headers, body)
                await connection.read_head()
            yield connection
        finally:
            connection.release()

    def close(self) -> None:
        """Close idle connections now, and those in use once they are released."""
        self.closed = True
        for connection in self._idle:
            connection.close()

    def _take_idle(self) -> Connection | None:
        while self._idle:
            # The one used last: the others stay idle until they expire.
            connection = self._idle.pop()
            if connection.open and time.monotonic() - connection.idle_since < MAX_IDLE_S:
                return connection
            connection.close()
        return None

    async def _connect(self) -> Connection:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._connect_timeout_s):
                transport, connection = await loop.create_connection(
                    lambda: Connection(self._on_data, self._on_idle, self._on_closed),
                    self._host,
                    self._port,
                    ssl=self._tls,
                )
            _keep_alive(transport.get_extra_info("socket"))
        except (OSError, TimeoutError) as error:
            raise UpstreamError("connect", repr(error)) from None
        return connection

    def _on_data(self) -> None:
        self.last_byte_at = time.monotonic()

    def _on_idle(self, connection: Connection) -> None:
        if self.closed:
            connection.close()
        else:
            self._idle.append(connection)

    def _on_closed(self, connection: Connection) -> None:
        if connection in self._idle:
            self._idle.remove(connection)


def _keep_alive(connected: socket.socket) -> None:
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in KEEP_ALIVE.items():
        if (option := getattr(socket, name, None)) is not None:  # not every system has each
            connected.setsockopt(socket.IPPROTO_TCP, option, value)


@functools.cache
def _tls_context() -> ssl.SSLContext:
    """Trusts the machine's certificate authorities. Building it takes some milliseconds and 1 MB,
    so all pools share one."""
    return ssl.create_default_context()
