"""`POST /v1/moderations`: a verdict on texts and photos, in OpenAI's form. It takes a key: who may
ask without one would learn which disguise passes."""

from collections.abc import Sequence

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from contract.errors import ShopsightError
from contract.http import check_media_type, read_body
from gateway.api.admission import admitted, count_body
from gateway.api.envelope import error_response, gateway_of, new_interaction, response_headers
from gateway.identity.scopes import MODERATE
from gateway.limits.limiter import OfDay
from gateway.moderation.form import ModerationInput, parse_moderation, wire

PATH = "/v1/moderations"

router = APIRouter()


@router.post(PATH)
async def moderate(request: Request) -> Response:
    gateway = gateway_of(request)
    interaction = new_interaction(request, "moderation", PATH)

    async def read() -> Sequence[ModerationInput]:
        caller = await admitted(request, gateway, interaction, MODERATE, OfDay.BYTES)
        check_media_type(request, "application/json")
        try:
            body = await read_body(request)
        finally:
            count_body(request, gateway, caller)
        return parse_moderation(body.data)

    try:
        verdicts = await gateway.moderating.moderate(read, interaction)
    except ShopsightError as error:
        return error_response(error, request, gateway, interaction)
    body = {
        "id": f"modr-{interaction.id.hex}",
        "model": f"shopsight-moderation-{gateway.moderating.screening.version}",
        "results": [wire(each.text, each.photo, each.both.blocked) for each in verdicts],
    }
    return JSONResponse(body, 200, response_headers(gateway, interaction))
