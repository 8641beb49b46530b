"""One gateway on its ports: uvicorn, with what costs a short answer most taken out of the way."""

import asyncio
import contextlib
import ctypes
from collections.abc import Iterator
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from contract.http import HttpProtocol

# Longer than nginx keeps an idle connection (60 s): the side that sends must be the one to close,
# or a question is sent into a closing connection and fails.
KEEP_ALIVE_S = 75

# Blocks of this many bytes are the kernel's and go back to it when they are freed. By itself glibc
# raises the bound to the largest block it has seen freed, and keeps the megabytes of every photo
# that was ever in flight: 235 MB instead of 126 after 64 of 1.5 MB at once.
MAPPED_BYTES = 300_000
_M_MMAP_THRESHOLD = -3  # of <malloc.h>


def give_back_memory_of_photos() -> None:
    """Where the C library is glibc; others do so anyway, or have no such bound."""
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, MAPPED_BYTES)


class GatheringTransport:
    """A transport that sends what is written in one turn of the event loop at once. uvicorn writes
    an answer's head and body apart: two system calls, each of which wakes up the client, were 30 %
    of the time of a cached answer."""

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


class GatheringProtocol(HttpProtocol):
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(GatheringTransport(transport, self.loop))  # type: ignore[arg-type]


class Server(uvicorn.Server):
    """Several servers share one process: its signals are handled once, by whoever runs them."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def server(app: ASGIApp, host: str, port: int, drain_s: int) -> Server:
    """`drain_s`: how long answers in flight may take after it is told to stop."""
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        http=GatheringProtocol,
        ws="none",
        timeout_graceful_shutdown=drain_s,
        timeout_keep_alive=KEEP_ALIVE_S,
        log_config=None,
        access_log=False,
    )
    return Server(config)
