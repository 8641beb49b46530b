"""Who sends a request, whether that is allowed, and whether limits let it through: asked by every
route before it reads the body."""

from fastapi import Request

from contract.http import BODY_BYTES
from gateway.gateway import Gateway
from gateway.identity.callers import Caller
from gateway.limits.limiter import OfDay
from gateway.log.interaction import Interaction


def identify(request: Request, gateway: Gateway) -> Caller:
    """Raises InvalidKey, KeysUnavailable."""
    client = request.scope.get("client") or ("",)
    return gateway.callers.identify(request.headers, request.cookies, client[0])


async def admitted(
    request: Request,
    gateway: Gateway,
    interaction: Interaction,
    scope: str,
    of_day: OfDay = OfDay.TOKENS,
) -> Caller:
    """The caller, who is noted in the interaction. What asks no model needs no tokens of the day.
    Whoever has used up the day may still erase, vote, delete, cancel: that needs nothing. Raises
    MissingScope, RateLimited, QuotaExceeded besides."""
    caller = interaction.caller = identify(request, gateway)
    caller.require(scope)
    if (waiting := gateway.limits.admit(caller, of_day)) is not None:
        await waiting
    return caller


def count_body(request: Request, gateway: Gateway, caller: Caller) -> None:
    """Spend what was read of the body, whether its reader got to its end or not."""
    gateway.limits.spend_bytes(caller, request.scope.get(BODY_BYTES, 0))
