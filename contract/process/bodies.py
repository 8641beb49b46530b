"""Bodies that their app has not read: how much of one may wait for it, and what becomes of one that
is still on its way when the answer is out."""

import weakref
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from contract.http import MAX_DRAIN_BYTES

# Of a body whose end is not here, so many bytes may wait for the app before reading pauses.
UNREAD_BYTES = 64 * 1024
# A refused client may still be sending. To close at once would reset the connection, and it might
# never see why. nginx lingers for 5 s.
LINGER_S = 2


class UnreadBodies(HttpToolsProtocol):
    _passed_bytes = 0
    _refused = False
    """What comes is not looked at any more."""

    def on_body(self, body: bytes) -> None:
        """As uvicorn's, which would copy each piece into an array and out of it again."""
        cycle = self.cycle
        if cycle.response_complete:
            return
        if not cycle.body:
            cycle.body = body  # type: ignore[assignment]
        else:
            if isinstance(cycle.body, bytes):
                cycle.body = bytearray(cycle.body)
            cycle.body += body
        cycle.message_event.set()

    def hold_back(self, read: int) -> None:
        """Called when so many bytes were read and the body goes on. Behind an answer reading must
        not pause, since nothing would resume it: the next request stands behind this body, and a
        proxy may have given the connection to somebody else."""
        if not self.cycle.response_complete:
            self._passed_bytes = 0
            if len(self.cycle.body) > UNREAD_BYTES:
                self.flow.pause_reading()
            return
        self._passed_bytes += read
        if self._passed_bytes > MAX_DRAIN_BYTES:
            self.transport.close()

    def close_behind_answer(self) -> None:
        answered = self.cycle.response_complete
        if answered and self.cycle.more_body and not self.transport.is_closing():
            self.linger()
        else:
            self.transport.close()

    def linger(self) -> None:
        """Nothing more is said, and what still comes is dropped for a while."""
        self._refused = True
        self.transport.write_eof()
        self.loop.call_later(LINGER_S, self.transport.close)


class LingeringTransport:
    """Of a request that ends its connection, for uvicorn, which closes right behind the answer."""

    def __init__(self, protocol: UnreadBodies) -> None:
        self._protocol = weakref.proxy(protocol)  # which holds the request, and so this

    def close(self) -> None:
        self._protocol.close_behind_answer()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._protocol.transport, name)
