"""How long a request's head may take at the server itself. A proxy before it has a bound of its
own, but not every server has a proxy before it."""

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# From the connection, or from the first byte of a later head, to its last byte. As nginx has it.
HEAD_S = 10.0


class TimedHeads(HttpToolsProtocol):
    """Closes the connection of a client that does not finish a head. One that sends it in one
    piece, as nearly all do, costs no timer."""

    _head_is_due = True
    _head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.watch_head()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head_is_due = True

    def on_headers_complete(self) -> None:
        self._head_is_due = False
        super().on_headers_complete()

    def watch_head(self) -> None:
        """Called when data were read."""
        if not self._head_is_due:
            self._forget()
        elif self._head_timer is None and not self.transport.is_closing():
            self._head_timer = self.loop.call_later(HEAD_S, self.transport.close)

    def _forget(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget()
        super().connection_lost(exc)
