"""`POST /v1/images`: a photo goes up once, to be asked about by its id."""

from collections.abc import Mapping
from dataclasses import replace

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from contract.errors import InvalidField, PayloadTooLarge, PhotoError, ShopsightError
from contract.forms import MAX_USER_CHARS
from contract.http import read_body
from contract.images import EncodedImage
from gateway.api.envelope import error_response, gateway_of, headers_of, new_interaction
from gateway.api.multipart import read_form
from gateway.images.uploads import Consent

router = APIRouter()


@router.post("/v1/images", status_code=201)
async def upload(request: Request) -> Response:
    """A photo, raw or as the form field `photo`. A form may say which `user` it is of, as questions
    do."""
    gateway = gateway_of(request)
    interaction = new_interaction(request, kind="upload")

    async def read() -> tuple[EncodedImage, Consent | None]:
        caller = interaction.caller = gateway.callers.identify(request.headers, request.cookies)
        photo, fields = await _photo(request)
        interaction.caller = replace(caller, user=_user(fields))
        return photo, _consent(fields)

    try:
        kept = await gateway.uploading.upload(read, interaction)
        return JSONResponse(kept.wire(), 201, headers_of(gateway, interaction))
    except ShopsightError as error:
        if isinstance(error, PhotoError | PayloadTooLarge) and _is_form(request):
            error = error.at("photo")
        return error_response(error, request, gateway, interaction)


async def _photo(request: Request) -> tuple[EncodedImage, Mapping[str, str]]:
    """The photo, and what is said of it: parameters of the address, or fields of the form."""
    given = dict(request.query_params)
    given.pop("user", None)  # addresses are logged: no place for an id of a person
    if _is_form(request):
        fields, photo = await read_form(request)
        if photo is None or fields.keys() - {"consent", "user"}:
            raise InvalidField("photo")
        return photo, {**given, **fields}
    return EncodedImage((await read_body(request)).data), given


def _is_form(request: Request) -> bool:
    media = request.headers.get("content-type", "").split(";")[0].strip().lower()
    return media == "multipart/form-data"


def _user(given: Mapping[str, str]) -> str | None:
    if len(given.get("user", "")) > MAX_USER_CHARS:
        raise InvalidField("user")
    return given.get("user")


def _consent(given: Mapping[str, str]) -> Consent | None:
    if given.get("consent") not in (None, "improve"):
        raise InvalidField("consent")
    return "improve" if "consent" in given else None
