"""`POST /v1/images`: uploads a photo once, so that questions can name its id."""

from dataclasses import replace

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from contract.errors import InvalidField, PayloadTooLarge, PhotoError, ShopsightError
from contract.http import media_type, read_body
from contract.images import EncodedImage
from contract.request import validate
from gateway.api.admission import admitted, count_body
from gateway.api.envelope import (
    error_response,
    gateway_of,
    new_interaction,
    owner,
    response_headers,
)
from gateway.api.multipart import read_form
from gateway.identity.scopes import UPLOAD
from gateway.images.upload import Consent, UploadForm
from gateway.limits.limiter import OfDay

PATH = "/v1/images"

router = APIRouter()


@router.post(PATH, status_code=201)
async def upload(request: Request) -> Response:
    """The photo is the raw body, or the form field `photo`. A form may name the `user` whose photo
    it is, as questions may."""
    gateway = gateway_of(request)
    interaction = new_interaction(request, "upload", PATH)

    async def read() -> tuple[EncodedImage, Consent | None]:
        caller = await admitted(request, gateway, interaction, UPLOAD, OfDay.BYTES)
        try:
            photo, form = await _read(request)
        finally:
            count_body(request, gateway, caller)
        interaction.caller = replace(caller, user=form.user)
        return photo, form.consent

    try:
        uploaded = await gateway.uploading.upload(read, interaction)
        wire = uploaded.wire() | owner(gateway, interaction)
        return JSONResponse(wire, 201, response_headers(gateway, interaction))
    except ShopsightError as error:
        if isinstance(error, PhotoError | PayloadTooLarge) and _is_form(request):
            error = error.at("photo")
        return error_response(error, request, gateway, interaction)


async def _read(request: Request) -> tuple[EncodedImage, UploadForm]:
    given = {}
    if "consent" in request.query_params:  # not `user`: URLs are logged
        given["consent"] = request.query_params["consent"]
    if not _is_form(request):
        return EncodedImage((await read_body(request)).data), _form(given)
    fields, photo = await read_form(request)
    if photo is None:
        raise InvalidField("photo", fault="missing")
    return photo, _form({**given, **fields})


def _form(texts: dict[str, str]) -> UploadForm:
    """Neither a form nor a query has null: a text that is left empty is absent."""
    return validate(UploadForm, {name: text for name, text in texts.items() if text})


def _is_form(request: Request) -> bool:
    return media_type(request) == "multipart/form-data"
