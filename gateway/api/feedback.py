"""`POST /v1/feedback`: a vote on an answer, by the caller who asked."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from contract.errors import ShopsightError
from contract.http import BodyTooLarge, check_media_type, read_body
from gateway.api.admission import admitted, count_body
from gateway.api.envelope import error_response, gateway_of, new_interaction, response_headers
from gateway.feedback.form import MAX_FEEDBACK_BYTES
from gateway.identity.scopes import VOTE
from gateway.limits.limiter import OfDay

PATH = "/v1/feedback"

router = APIRouter()


@router.post(PATH, status_code=202)
async def vote(request: Request) -> Response:
    gateway = gateway_of(request)
    interaction = new_interaction(request, "feedback", PATH)

    async def read() -> bytes:
        caller = await admitted(request, gateway, interaction, VOTE, OfDay.NOTHING)
        check_media_type(request, "application/json")
        try:
            return (await read_body(request, BodyTooLarge(MAX_FEEDBACK_BYTES))).data
        finally:
            count_body(request, gateway, caller)

    try:
        receipt = await gateway.voting.vote(read, interaction)
        headers = response_headers(gateway, interaction)
        return JSONResponse(receipt.wire(interaction.id), 202, headers)
    except ShopsightError as error:
        return error_response(error, request, gateway, interaction)
