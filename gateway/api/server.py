"""uvicorn as the gateway runs it, tuned for short answers."""

import asyncio
import contextlib
import ipaddress
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from contract.http_protocol import HttpProtocol

# Longer than nginx keeps an idle connection (60 s), so that nginx is the one to close it. Otherwise
# nginx sends a question into a connection that the gateway is closing, and the question fails.
KEEP_ALIVE_S = 75
# How long a name may take until it has an address of this machine.
NAME_S = 10
# A photo of 350 KB with its question comes in one read.
READ_BYTES = 512 * 1024


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


class ReadBuffer(threading.local):
    """One for each thread: an event loop of another one reads at the same time."""

    def __init__(self) -> None:
        self.view = memoryview(bytearray(READ_BYTES))


READ = ReadBuffer()


class ClientConnection(asyncio.BufferedProtocol):
    """A client's. All connections of an event loop read into one buffer: what was read is parsed
    before anything else is read. uvloop would read half as much at once, and copy it once more."""

    def __init__(self, **parts: Any) -> None:
        """`parts`: what uvicorn makes its protocol of."""
        self._http = HttpProtocol(**parts)
        self._buffer = READ.view

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        coalescing = CoalescingTransport(transport, self._http.loop)
        self._http.connection_made(coalescing)  # type: ignore[arg-type]

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        self._http.data_received(self._buffer[:nbytes])

    def eof_received(self) -> None:
        self._http.eof_received()

    def pause_writing(self) -> None:
        self._http.pause_writing()

    def resume_writing(self) -> None:
        self._http.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self._http.connection_lost(exc)


class Server(uvicorn.Server):
    """Leaves signals alone: several servers share one process, and their caller handles signals."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def make_server(
    app: ASGIApp, host: str, port: int, drain_s: int, proxies: Sequence[str] = ()
) -> Server:
    """`drain_s`: how long answers in flight may take after the server was told to stop. `proxies`:
    whose X-Forwarded-For and X-Forwarded-Proto are believed."""
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        http=ClientConnection,  # type: ignore[arg-type]
        ws="none",
        timeout_graceful_shutdown=drain_s,
        timeout_keep_alive=KEEP_ALIVE_S,
        log_config=None,
        access_log=False,
        proxy_headers=bool(proxies),  # with none, it would believe whoever is on this machine
        forwarded_allow_ips=list(proxies),
    )
    return Server(config)


def own_address(host: str) -> str:
    """The address to listen on for `host`: itself, or of a name the one that is this machine's.
    Behind a name in one network stand all gateways there, and each listens in that network only.
    Raises SystemExit for a name without one."""
    with contextlib.suppress(ValueError):
        return str(ipaddress.ip_address(host))
    deadline = time.monotonic() + NAME_S
    while True:
        with contextlib.suppress(OSError):
            for family, kind, _, _, place in socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM):
                with contextlib.suppress(OSError), socket.socket(family, kind) as probe:
                    probe.bind((place[0], 0))
                    return str(place[0])
        if time.monotonic() > deadline:
            raise SystemExit(f"{host} has no address of this machine: nothing can be served there.")
        time.sleep(0.2)


def is_loopback(address: str) -> bool:
    return ipaddress.ip_address(address).is_loopback
