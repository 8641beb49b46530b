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
    if (waiting := gateway.limits.admit(caller)) is not None:
        await waiting
    return caller


async def admitted_any_day(
    request: Request, gateway: Gateway, interaction: Interaction, scope: str
) -> Caller:
    """As `admitted`, for what a person may do who has used up the day: erase, vote, delete, cancel.
    It asks no model."""
    caller = interaction.caller = identify(request, gateway)
    caller.require(scope)
    if (waiting := gateway.limits.admit(caller, any_day=True)) is not None:
        await waiting
    return caller


def count_body(request: Request, gateway: Gateway, caller: Caller) -> None:
    """Spend what was read of the body, whether its reader got to its end or not."""
    gateway.limits.spend_bytes(caller, request.scope.get(BODY_BYTES, 0))
