"""What lists of files and of batches share: who may see them, and OpenAI's form of a page."""

from typing import Any

from fastapi import Request

from gateway.api.admission import identify
from gateway.gateway import Gateway
from gateway.identity.callers import Caller
from gateway.identity.scopes import BATCH

MAX_FILES = 10_000
MAX_BATCHES = 100


async def owner(request: Request, gateway: Gateway) -> Caller:
    """The caller of what is only looked at: counted, and not recorded, since clients look again and
    again. Raises MissingScope, RateLimited."""
    caller = identify(request, gateway)
    caller.require(BATCH)
    if (waiting := gateway.limits.admit(caller, 0)) is not None:
        await waiting
    return caller


def listed(data: list[dict[str, Any]], more: bool) -> dict[str, Any]:
    ids = [each["id"] for each in data]
    first, last = (ids[0], ids[-1]) if ids else (None, None)
    return {"object": "list", "data": data, "first_id": first, "last_id": last, "has_more": more}
