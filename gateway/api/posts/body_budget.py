"""Counts the bodies that a gateway holds, and refuses those that there is no room for."""

from starlette.datastructures import State
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from contract.errors import Overloaded
from contract.http import MAX_DRAIN_BYTES
from gateway.errors import RateLimited
from gateway.gateway import Gateway
from gateway.identity.addresses import network_of

# Bodies of so many bytes are not counted, nor slowed down: a thousand of them are 64 MB.
UNCOUNTED_BYTES = 64 * 1024


class BodyBudget:
    """`state`: where the gateway is."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def run(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        """The app with a `receive` that counts, until the answer is out: the photo is held as long.
        It raises Overloaded at the end of a body that there was no room for, RateLimited where its
        address has others under way that take its share."""
        if 0 <= _declared(scope) <= UNCOUNTED_BYTES:
            await app(scope, receive, send)
            return
        gateway: Gateway = self._state.gateway
        received = 0
        address = network_of((scope.get("client") or ("",))[0])
        with gateway.in_flight.counted(address) as hold:

            async def counted() -> Message:
                nonlocal received
                message = await receive()
                size = len(message.get("body", b""))
                try:
                    hold(received + size)
                except (Overloaded, RateLimited):
                    del message["body"]
                    await _drained(message, receive)
                    raise
                received += size
                return message

            await app(scope, counted, send)


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
