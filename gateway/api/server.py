"""uvicorn as the gateway runs it, tuned for short answers."""

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from contract.http_protocol import HttpProtocol

# Longer than nginx keeps an idle connection (60 s), so that nginx is the one to close it. Otherwise
# nginx sends a question into a connection that the gateway is closing, and the question fails.
KEEP_ALIVE_S = 75


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

    def write_eof(self) -> None:
        self._send()
        self._transport.write_eof()

    def _send(self) -> None:
        parts, self._parts = self._parts, []
        if parts and not self._transport.is_closing():
            self._transport.write(b"".join(parts))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class CoalescingProtocol(HttpProtocol):
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
        ws="none",
        timeout_graceful_shutdown=drain_s,
        timeout_keep_alive=KEEP_ALIVE_S,
        log_config=None,
        access_log=False,
    )
    return Server(config)
