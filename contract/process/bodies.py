"""Bodies that their app has not read: how much of one may wait for it, and what becomes of one that
is still on its way when the answer is out."""

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from contract.http import MAX_DRAIN_BYTES

# Of a body whose end is not here, so many bytes may wait for the app before reading pauses.
UNREAD_BYTES = 64 * 1024


class UnreadBodies(HttpToolsProtocol):
    _passed_bytes = 0

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
