"""`/v1/batches` in OpenAI's form: the questions of a file, answered within a day."""

from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from contract.errors import ShopsightError
from contract.http import BodyTooLarge, check_media_type, read_body
from gateway.api.admission import admitted, count_body
from gateway.api.batch.paging import After, BatchPage, listed, owner
from gateway.api.envelope import error_response, gateway_of, new_interaction, response_headers
from gateway.api.page import READS
from gateway.batch.batch import wire
from gateway.batch.form import MAX_BATCH_BYTES, BatchRequest, parse_batch
from gateway.identity.callers import Caller
from gateway.identity.scopes import BATCH
from gateway.limits.limiter import OfDay

PATH = "/v1/batches"
# As the log names it.
CANCEL = PATH + "/{id}/cancel"
# As OpenAI has it.
USUAL_PAGE = 20

router = APIRouter()


@router.post(PATH)
async def create(request: Request) -> Response:
    gateway = gateway_of(request)
    interaction = new_interaction(request, "batch", PATH)

    async def read() -> BatchRequest:
        caller = await admitted(request, gateway, interaction, BATCH, OfDay.BYTES)
        check_media_type(request, "application/json")
        try:
            body = await read_body(request, BodyTooLarge(MAX_BATCH_BYTES))
        finally:
            count_body(request, gateway, caller)
        asked = parse_batch(body.data)
        if (endpoint := gateway.batching.endpoints.get(asked.endpoint)) is not None:
            caller.require(endpoint.scope)
        return asked

    try:
        retry_key = request.headers.get("idempotency-key")
        batch = await gateway.batching.create(read, interaction, retry_key)
        return JSONResponse(wire(batch), 200, response_headers(gateway, interaction))
    except ShopsightError as error:
        return error_response(error, request, gateway, interaction)


@router.api_route(PATH, methods=list(READS))
async def list_batches(
    request: Request,
    after: After = None,
    limit: BatchPage = USUAL_PAGE,
) -> dict[str, Any]:
    gateway = gateway_of(request)
    caller = await owner(request, gateway)
    found, more = await gateway.batching.batches.page(caller.tenant, after, limit)
    return listed([wire(batch) for batch in found], more)


@router.api_route(PATH + "/{batch_id}", methods=list(READS))
async def retrieve(batch_id: str, request: Request) -> dict[str, Any]:
    gateway = gateway_of(request)
    caller = await owner(request, gateway)
    return wire(await gateway.batching.batches.find(batch_id, caller.tenant))


@router.post(PATH + "/{batch_id}/cancel")
async def cancel(batch_id: str, request: Request) -> Response:
    gateway = gateway_of(request)
    interaction = new_interaction(request, "batch", CANCEL)

    async def identify() -> Caller:
        return await admitted(request, gateway, interaction, BATCH, OfDay.NOTHING)

    try:
        batch = await gateway.batching.cancel(identify, batch_id, interaction)
        return JSONResponse(wire(batch), 200, response_headers(gateway, interaction))
    except ShopsightError as error:
        return error_response(error, request, gateway, interaction)
