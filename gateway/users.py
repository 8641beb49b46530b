"""`/v1/users/…`: what a person, or who speaks for one, may demand. Ids of persons are in these
addresses: they are logged as ROUTE, here and in nginx."""

from typing import TYPE_CHECKING

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from contract.errors import ShopsightError
from gateway.asking import begun, failed, headers_of
from gateway.identity.callers import Caller

if TYPE_CHECKING:
    from gateway.app import Gateway

ROUTE = "/v1/users/{id}/data"

router = APIRouter()


# `path`: an id may hold anything, slashes too; it comes percent-decoded.
@router.delete("/v1/users/{user:path}/data")
async def erase(user: str, request: Request) -> Response:
    """Everything of a person so far, everywhere. 202 while a file may still hold something: sent
    again, it is looked at again."""
    gateway: Gateway = request.app.state.gateway
    interaction = begun(request, kind="erasure")
    interaction.route = ROUTE
    try:
        async with gateway.recorder.recorded(interaction):
            caller = gateway.callers.identify(request.headers, request.cookies)
            interaction.caller = Caller(caller.tenant)  # that it was done is nobody's behaviour
            with interaction.step("erase"):
                receipt = await gateway.erasing.of_caller(caller, user)
        status = 202 if receipt.pending else 200
        return JSONResponse(receipt.wire(), status, headers_of(gateway, interaction))
    except ShopsightError as error:
        return failed(error, request, gateway, interaction)
