"""`/v1/users/…`: what a person, or who speaks for one, may demand. Ids of persons are in these
addresses: they are logged as ROUTE, here and in nginx."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from contract.errors import ShopsightError
from gateway.api.envelope import error_response, gateway_of, headers_of, new_interaction
from gateway.identity.callers import Caller

ROUTE = "/v1/users/{id}/data"

router = APIRouter()


# `path`: an id may hold anything, slashes too; it comes percent-decoded.
@router.delete("/v1/users/{user:path}/data")
async def erase(user: str, request: Request) -> Response:
    """Everything of a person so far, everywhere. 202 while a file may still hold something: sent
    again, it is looked at again."""
    gateway = gateway_of(request)
    interaction = new_interaction(request, kind="erasure")
    interaction.route = ROUTE

    def identify() -> Caller:
        return gateway.callers.identify(request.headers, request.cookies)

    try:
        receipt = await gateway.erasing.on_request(identify, user, interaction)
        status = 202 if receipt.pending else 200
        return JSONResponse(receipt.wire(), status, headers_of(gateway, interaction))
    except ShopsightError as error:
        return error_response(error, request, gateway, interaction)
