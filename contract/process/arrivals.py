"""How long a request may take to arrive at the server itself. A proxy before it has bounds of its
own, but not every server has a proxy before it."""

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# From the connection, or from the first byte of a later head, to its last byte. As nginx has it.
HEAD_S = 10.0
# Of a body at least so many bytes have to come in each such time, 4 KB/s. nginx waits as long for
# the next byte.
BODY_S, LEAST_BODY_BYTES = 15.0, 64 * 1024


class TimedArrivals(HttpToolsProtocol):
    """Closes the connection of a client that does not finish a head or a body. A request that comes
    in one piece, as nearly all do, costs no timer."""

    _head_is_due = True
    _body_is_due = False
    _body_bytes = 0
    """Of a body, since its timer began."""
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.watch(0)

    def on_message_begin(self) -> None:
        """A kept connection waits for a request. uvicorn would take any byte for one: the rest of a
        refused body, or an empty line, and then the connection would wait for ever."""
        self._unset_keepalive_if_required()
        super().on_message_begin()
        self._head_is_due = True

    def on_headers_complete(self) -> None:
        self._forget()
        self._head_is_due, self._body_is_due = False, True
        self._unset_keepalive_if_required()  # the answer before may have ended amid this head
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._forget()
        self._body_is_due = False
        super().on_message_complete()

    def watch(self, size: int) -> None:
        """Called when so many bytes were read."""
        self._body_bytes += size
        if self._timer is None and not self.transport.is_closing():
            if self._head_is_due:
                self._timer = self.loop.call_later(HEAD_S, self.transport.close)
            elif self._body_is_due:
                self._time_body()

    def _time_body(self) -> None:
        self._body_bytes = LEAST_BODY_BYTES if self._client_waits else 0
        self._timer = self.loop.call_later(BODY_S, self._check_body)

    def _check_body(self) -> None:
        if self._body_bytes >= LEAST_BODY_BYTES or self._client_waits:
            self._time_body()
        else:
            self.transport.close()

    @property
    def _client_waits(self) -> bool:
        """Until the app reads on: then it is not the client that is slow."""
        asked = self.cycle is not None and self.cycle.waiting_for_100_continue
        return self.flow.read_paused or asked

    def _forget(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget()
        super().connection_lost(exc)
