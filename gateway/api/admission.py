"""Who sends a request, whether that is allowed, and whether limits let it through: asked by every
route before it reads the body."""

from fastapi import Request

from contract.http import BODY_BYTES
from gateway.gateway import Gateway
from gateway.identity.callers import Caller
from gateway.log.interaction import Interaction


def identify(request: Request, gateway: Gateway) -> Caller:
    """Raises InvalidKey, KeysUnavailable."""
    client = request.scope.get("client") or ("",)
    return gateway.callers.identify(request.headers, request.cookies, client[0])


async def admitted(
    request: Request, gateway: Gateway, interaction: Interaction, scope: str
) -> Caller:
    """The caller, who is noted in the interaction. Raises MissingScope, RateLimited besides."""
    caller = interaction.caller = identify(request, gateway)
    caller.require(scope)
    if (waiting := gateway.limits.admit(caller, _length(request) or 0)) is not None:
        await waiting
    return caller


def count_body(request: Request, gateway: Gateway, caller: Caller) -> None:
    """Count a body that came without a length."""
    if _length(request) is None:
        gateway.limits.spend_bytes(caller, request.scope.get(BODY_BYTES, 0))


def _length(request: Request) -> int | None:
    """The body's, as declared. Not by way of `headers`, which takes four times as long."""
    for name, value in request.scope["headers"]:
        if name == b"content-length":
            return int(value)  # the server refuses what is no number
    return None
