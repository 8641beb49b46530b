"""`/v1/files` in OpenAI's form: what batches are made of, and what they write."""

import asyncio
from datetime import timedelta
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from contract.errors import ShopsightError
from gateway.api.admission import admitted, count_body
from gateway.api.batch.file_form import declared_size, purpose_and_ttl, read_file_form, read_on
from gateway.api.batch.paging import (
    MAX_FILES,
    After,
    FilePage,
    Order,
    PurposeFilter,
    listed,
    owner,
)
from gateway.api.envelope import error_response, gateway_of, new_interaction, response_headers
from gateway.api.page import READS, FileContent
from gateway.batch.file import StoredFile
from gateway.errors import FileNotFound, FileStoreUnavailable, RequestTimeout
from gateway.gateway import Gateway
from gateway.identity.callers import Caller
from gateway.identity.scopes import BATCH
from gateway.limits.limiter import OfDay
from gateway.log.interaction import UNKNOWN, Interaction
from gateway.usecases.batching import Uploaded

PATH = "/v1/files"

router = APIRouter()


@router.post(PATH)
async def upload(request: Request) -> Response:
    """A form with `purpose` (batch) and `file`, which is written to the disk as it comes."""
    gateway = gateway_of(request)
    interaction = new_interaction(request, "file", PATH)

    async def receive() -> Uploaded:
        return await _received(request, gateway, interaction)

    try:
        file = await gateway.batching.upload(receive, interaction)
        return JSONResponse(file.wire(), 200, response_headers(gateway, interaction))
    except ShopsightError as error:
        if not isinstance(error, RequestTimeout):  # then no more is to be expected
            await read_on(request)
        return error_response(error, request, gateway, interaction)
    finally:
        if interaction.caller is not UNKNOWN:
            count_body(request, gateway, interaction.caller)


async def _received(request: Request, gateway: Gateway, interaction: Interaction) -> Uploaded:
    caller = await admitted(request, gateway, interaction, BATCH, OfDay.BYTES)
    files = gateway.batching.files
    half = await files.begin(caller.tenant, declared_size(request, files.max_bytes))
    try:
        name, fields = await read_file_form(request, half, files.max_bytes)
        seconds = purpose_and_ttl(fields)
        ttl = min(timedelta(seconds=seconds), files.ttl) if seconds is not None else None
        return Uploaded(half, name, ttl)
    except OSError:
        half.unlink(missing_ok=True)
        raise FileStoreUnavailable from None
    except BaseException:
        half.unlink(missing_ok=True)
        raise


@router.api_route(PATH, methods=list(READS))
async def list_files(
    request: Request,
    purpose: PurposeFilter = None,
    after: After = None,
    limit: FilePage = MAX_FILES,
    order: Order = "desc",
) -> dict[str, Any]:
    gateway = gateway_of(request)
    caller = await owner(request, gateway)
    found, more = await gateway.batching.files.page(
        caller.tenant, purpose, after, limit, order == "asc"
    )
    return listed([file.wire() for file in found], more)


@router.api_route(PATH + "/{file_id}", methods=list(READS))
async def retrieve(file_id: str, request: Request) -> dict[str, Any]:
    return (await _own(file_id, request)).wire()


@router.api_route(PATH + "/{file_id}/content", methods=list(READS))
async def content(file_id: str, request: Request) -> Response:
    file = await _own(file_id, request)
    path = gateway_of(request).batching.files.path(file)
    if not await asyncio.to_thread(path.exists):  # deleted just now
        raise FileNotFound("file_id")
    return FileContent(path, media_type="application/jsonl", filename=file.name)


@router.delete(PATH + "/{file_id}")
async def delete(file_id: str, request: Request) -> Response:
    gateway = gateway_of(request)
    interaction = new_interaction(request, "file", PATH + "/{id}")

    async def identify() -> Caller:
        return await admitted(request, gateway, interaction, BATCH, OfDay.NOTHING)

    try:
        await gateway.batching.delete_file(identify, file_id, interaction)
        deleted = {"id": file_id, "object": "file", "deleted": True}
        return JSONResponse(deleted, 200, response_headers(gateway, interaction))
    except ShopsightError as error:
        return error_response(error, request, gateway, interaction)


async def _own(file_id: str, request: Request) -> StoredFile:
    gateway = gateway_of(request)
    caller = await owner(request, gateway)
    return await gateway.batching.files.find(file_id, caller.tenant)
