"""The rest of the public HTTP interface: uploads, thumbs, what models there are, whether all is
well."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from contract.errors import InvalidField, ShopsightError
from contract.forms import MAX_USER_CHARS
from contract.http import check_media_type, read_body
from contract.images import EncodedImage
from gateway.asking import begun, failed, headers_of
from gateway.images.uploads import Consent
from gateway.multipart import read_form

if TYPE_CHECKING:
    from gateway.app import Gateway

router = APIRouter()


@router.post("/v1/images", status_code=201)
async def upload(request: Request) -> Response:
    """A photo, raw or as the form field `photo`, to be asked about by its id. A form may say which
    `user` it is of, as questions do."""
    gateway = _gateway(request)
    interaction = begun(request, kind="upload")

    async def read() -> tuple[EncodedImage, Consent | None]:
        caller = interaction.caller = gateway.callers.identify(request.headers, request.cookies)
        photo, fields = await _photo(request)
        interaction.caller = replace(caller, user=_user(fields))
        return photo, _consent(fields)

    try:
        kept = await gateway.uploading.upload(read, interaction)
        return JSONResponse(kept.wire(), 201, headers_of(gateway, interaction))
    except ShopsightError as error:
        return failed(error, request, gateway, interaction)


@router.post("/v1/feedback", status_code=202)
async def feedback(request: Request) -> Response:
    """A thumb on an answer, of who has asked."""
    gateway = _gateway(request)
    interaction = begun(request, kind="feedback")

    async def read() -> bytes:
        interaction.caller = gateway.callers.identify(request.headers, request.cookies)
        check_media_type(request, "application/json")
        return (await read_body(request)).data

    try:
        thumb = await gateway.voting.vote(read, interaction)
        body = thumb.wire(interaction.id)
        return JSONResponse(body, 202, headers_of(gateway, interaction))
    except ShopsightError as error:
        return failed(error, request, gateway, interaction)


async def _photo(request: Request) -> tuple[EncodedImage, Mapping[str, str]]:
    """The photo, and what is said of it: parameters of the address, or fields of the form."""
    given = dict(request.query_params)
    given.pop("user", None)  # addresses are logged: no place for an id of a person
    media = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if media == "multipart/form-data":
        fields, photo = await read_form(request)
        if photo is None or fields.keys() - {"consent", "user"}:
            raise InvalidField("photo")
        return photo, {**given, **fields}
    body = await read_body(request)
    named = media.startswith("image/")  # of other types the bytes alone decide
    return EncodedImage(body.data, media if named else None), given


def _user(given: Mapping[str, str]) -> str | None:
    if len(given.get("user", "")) > MAX_USER_CHARS:
        raise InvalidField("user")
    return given.get("user")


def _consent(given: Mapping[str, str]) -> Consent | None:
    if given.get("consent") not in (None, "improve"):
        raise InvalidField("consent")
    return "improve" if "consent" in given else None


@router.get("/v1/models")
async def models(request: Request) -> dict[str, Any]:
    return {"object": "list", "data": _gateway(request).pool.models()}


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    return {"status": "alive"}


@router.get("/readyz")
async def readyz(request: Request) -> Response:
    gateway = _gateway(request)
    parts = {"pool": gateway.pool.ready, "log": gateway.recorder.available}
    ready = all(parts.values())
    return JSONResponse({"ready": ready, **parts}, 200 if ready else 503)


def _gateway(request: Request) -> "Gateway":
    gateway: Gateway = request.app.state.gateway
    return gateway
