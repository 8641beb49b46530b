"""uvicorn as the gateway runs it, tuned for short answers and for the memory of large photos."""

import asyncio
import contextlib
import ctypes
from collections.abc import Iterator
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# Longer than nginx keeps an idle connection (60 s), so that nginx is the one to close it. Otherwise
# nginx sends a question into a connection that the gateway is closing, and the question fails.
KEEP_ALIVE_S = 75

# Memory blocks from this size on are mapped, and return to the kernel when freed. By default glibc
# raises this threshold to the largest block that was freed. Then it keeps the memory of all photos
# that were in flight: 235 MB instead of 126 after 64 photos of 1.5 MB at once.
MMAP_THRESHOLD_BYTES = 300_000
_M_MMAP_THRESHOLD = -3  # of <malloc.h>


def limit_mmap_threshold() -> None:
    """Fix MMAP_THRESHOLD_BYTES in glibc. Other C libraries do not need it."""
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, MMAP_THRESHOLD_BYTES)


class CoalescingTransport:
    """Sends everything that is written in one iteration of the event loop in one system call.

    uvicorn writes the head and the body of a response separately. Two system calls, each of which
    wakes the client up, took 30 % of the time of a cached answer."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> None:
        if not self._parts:
            self._loop.call_soon(self._send)
        self._parts.append(data)

    def close(self) -> None:
        self._send()
        self._transport.close()

    def _send(self) -> None:
        parts, self._parts = self._parts, []
        if parts and not self._transport.is_closing():
            self._transport.write(b"".join(parts))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class CoalescingProtocol(HttpToolsProtocol):
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(CoalescingTransport(transport, self.loop))  # type: ignore[arg-type]


class Server(uvicorn.Server):
    """Leaves signals alone: several servers share one process, and their caller handles signals."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def make_server(app: ASGIApp, host: str, port: int, drain_s: int) -> Server:
    """`drain_s`: how long answers in flight may take after the server was told to stop."""
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        http=CoalescingProtocol,
        timeout_graceful_shutdown=drain_s,
        timeout_keep_alive=KEEP_ALIVE_S,
        log_config=None,
        access_log=False,
    )
    return Server(config)
