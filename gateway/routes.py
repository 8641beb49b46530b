"""The rest of the public HTTP interface: uploads, what models there are, whether all is well."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from contract.errors import InvalidField, ShopsightError
from contract.forms import MAX_USER_CHARS
from contract.http import read_body
from contract.images import EncodedImage
from gateway.asking import begun, failed, headers_of
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

    async def read() -> EncodedImage:
        caller = interaction.caller = gateway.callers.identify(request.headers, request.cookies)
        photo, user = await _photo(request)
        interaction.caller = replace(caller, user=user)
        return photo

    try:
        kept = await gateway.uploading.upload(read, interaction)
        return JSONResponse(kept.wire(), 201, headers_of(gateway, interaction))
    except ShopsightError as error:
        return failed(error, request, gateway, interaction)


async def _photo(request: Request) -> tuple[EncodedImage, str | None]:
    media = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if media == "multipart/form-data":
        fields, photo = await read_form(request)
        user = fields.pop("user", None)
        if photo is None or fields:
            raise InvalidField("photo")
        if user is not None and len(user) > MAX_USER_CHARS:
            raise InvalidField("user")
        return photo, user
    body = await read_body(request)
    named = media.startswith("image/")  # of other types the bytes alone decide
    return EncodedImage(body.data, media if named else None), None


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
