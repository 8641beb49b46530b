"""`DELETE /v1/users/{id}/data`: erases a person's data. The path contains the person's id, so the
gateway and nginx log it as ROUTE."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from contract.errors import ShopsightError
from gateway.api.admission import admitted
from gateway.api.envelope import error_response, gateway_of, new_interaction, response_headers
from gateway.identity.callers import Caller
from gateway.identity.scopes import ERASE
from gateway.limits.limiter import OfDay

ROUTE = "/v1/users/{id}/data"

router = APIRouter()


# An id may contain any character, even a slash or a line's end. It comes percent-decoded.
@router.delete("/v1/users/{user:any}/data")
async def erase(user: str, request: Request) -> Response:
    """Erase all data of a person, from all stores. 202 while a file may still hold some: the client
    sends the request again later."""
    gateway = gateway_of(request)
    interaction = new_interaction(request, "erasure", ROUTE)

    async def identify() -> Caller:
        return await admitted(request, gateway, interaction, ERASE, OfDay.NOTHING)

    try:
        receipt = await gateway.erasing.on_request(identify, user, interaction)
        status = 202 if receipt.pending else 200
        return JSONResponse(receipt.wire(), status, response_headers(gateway, interaction))
    except ShopsightError as error:
        return error_response(error, request, gateway, interaction)
