"""How many bytes of bodies a gateway holds at once. Beyond, requests are refused: 64 photos of
10 MB took 732 MB, nearly all that its container has."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from contract.errors import Overloaded
from contract.http import MAX_DRAIN_BYTES

# Bodies of so many bytes are not counted, nor slowed down: a thousand of them are 64 MB.
UNCOUNTED_BYTES = 64 * 1024


class BodyBudget:
    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self.held = 0

    async def run(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        """The app with a `receive` that counts, until the answer is out: the photo is held as long.
        It raises Overloaded at the end of a body that there was no room for."""
        if 0 <= _declared(scope) <= UNCOUNTED_BYTES:
            await app(scope, receive, send)
            return
        mine = 0

        async def counted() -> Message:
            nonlocal mine
            message = await receive()
            size = len(message.get("body", b""))
            if self.held + size <= self._limit:
                self.held += size
                mine += size
                return message
            del message["body"]
            await _drained(message, receive)
            raise Overloaded

        try:
            await app(scope, counted, send)
        finally:
            self.held -= mine


def _declared(scope: Scope) -> int:
    """The body's length, -1 where it is not known before its end."""
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value) if value.isdigit() and len(value) < 12 else -1
        if name == b"transfer-encoding":
            return -1
    return 0


async def _drained(message: Message, receive: Receive) -> None:
    """Read on, so that the client sees the answer instead of a reset; nothing is kept."""
    seen = 0
    while message["type"] == "http.request" and message.get("more_body"):
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > MAX_DRAIN_BYTES:
            return
