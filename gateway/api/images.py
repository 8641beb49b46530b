"""`POST /v1/images`: uploads a photo once, so that questions can name its id."""

from collections.abc import Mapping
from dataclasses import replace

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from contract.errors import InvalidField, PayloadTooLarge, PhotoError, ShopsightError
from contract.forms import MAX_USER_CHARS
from contract.http import media_type, read_body
from contract.images import EncodedImage
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
from gateway.images.upload import Consent

router = APIRouter()


@router.post("/v1/images", status_code=201)
async def upload(request: Request) -> Response:
    """The photo is the raw body, or the form field `photo`. A form may name the `user` whose photo
    it is, as questions may."""
    gateway = gateway_of(request)
    interaction = new_interaction(request, kind="upload")

    async def read() -> tuple[EncodedImage, Consent | None]:
        caller = await admitted(request, gateway, interaction, UPLOAD)
        photo, fields = await _photo(request)
        count_body(request, gateway, caller)
        interaction.caller = replace(caller, user=_user(fields))
        return photo, _consent(fields)

    try:
        uploaded = await gateway.uploading.upload(read, interaction)
        wire = uploaded.wire() | owner(gateway, interaction)
        return JSONResponse(wire, 201, response_headers(gateway, interaction))
    except ShopsightError as error:
        if isinstance(error, PhotoError | PayloadTooLarge) and _is_form(request):
            error = error.at("photo")
        return error_response(error, request, gateway, interaction)


async def _photo(request: Request) -> tuple[EncodedImage, Mapping[str, str]]:
    """The photo and its fields: query parameters, and for a form its fields too."""
    parameters = dict(request.query_params)
    parameters.pop("user", None)  # URLs are logged, and must not contain a person's id
    if _is_form(request):
        fields, photo = await read_form(request)
        if photo is None or fields.keys() - {"consent", "user"}:
            raise InvalidField("photo")
        return photo, {**parameters, **fields}
    return EncodedImage((await read_body(request)).data), parameters


def _is_form(request: Request) -> bool:
    return media_type(request) == "multipart/form-data"


def _user(fields: Mapping[str, str]) -> str | None:
    if len(fields.get("user", "")) > MAX_USER_CHARS:
        raise InvalidField("user")
    return fields.get("user")


def _consent(fields: Mapping[str, str]) -> Consent | None:
    if fields.get("consent") not in (None, "improve"):
        raise InvalidField("consent")
    return "improve" if "consent" in fields else None
