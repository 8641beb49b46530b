"""What lists of files and of batches share: who may see them, and OpenAI's form of a page."""

from typing import Annotated, Any, Literal

from fastapi import Query, Request

from gateway.api.admission import identify
from gateway.gateway import Gateway
from gateway.identity.callers import Caller
from gateway.identity.scopes import BATCH
from gateway.limits.limiter import OfDay

MAX_FILES = 10_000
MAX_BATCHES = 100
# What a list is asked for by. The API's description reads these, too.
After = Annotated[str | None, Query(max_length=64)]
PurposeFilter = Annotated[str | None, Query(max_length=32)]
FilePage = Annotated[int, Query(ge=1, le=MAX_FILES)]
BatchPage = Annotated[int, Query(ge=1, le=MAX_BATCHES)]
Order = Literal["asc", "desc"]


async def owner(request: Request, gateway: Gateway) -> Caller:
    """The caller of what is only looked at: counted, and not recorded, since clients look again and
    again. Raises MissingScope, RateLimited."""
    caller = identify(request, gateway)
    caller.require(BATCH)
    if (waiting := gateway.limits.admit(caller, OfDay.NOTHING)) is not None:
        await waiting
    return caller


def listed(data: list[dict[str, Any]], more: bool) -> dict[str, Any]:
    ids = [each["id"] for each in data]
    first, last = (ids[0], ids[-1]) if ids else (None, None)
    return {"object": "list", "data": data, "first_id": first, "last_id": last, "has_more": more}
