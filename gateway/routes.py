"""The public HTTP interface: parse, hand over to `answering`, serialise."""

import re
import uuid
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from contract import render
from contract.errors import ShopsightError
from contract.forms import MODEL_ALIAS
from contract.http import EventStream, error_response, read_json_body
from contract.language import preferred_language
from contract.request import Completion, parse_completion
from contract.response import AnswerFrame
from gateway.log.interaction import Interaction
from gateway.multipart import read_form

if TYPE_CHECKING:
    from gateway.app import Gateway

router = APIRouter()

_REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")


@router.post("/v1/chat/completions")
async def chat_completions(request: Request) -> Response:
    async def read() -> Completion:
        return parse_completion(await read_json_body(request))

    return await _answer(request, read)


@router.post("/v1/ask")
async def ask(request: Request) -> Response:
    return await _answer(request, lambda: read_form(request))


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


async def _answer(request: Request, read: Callable[[], Awaitable[Completion]]) -> Response:
    """One question to its answer, in the form in which it was asked; errors with the same ids."""
    gateway = _gateway(request)
    given = request.headers.get("x-request-id", "")
    interaction = Interaction(given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex)

    async def identify_and_read() -> Completion:
        interaction.caller = gateway.callers.identify(request.headers, request.cookies)
        return await read()

    try:
        events = await render.primed(gateway.answering.answer(identify_and_read, interaction))
        asked = interaction.asked
        assert asked is not None
        frame = AnswerFrame(
            f"chatcmpl-{interaction.id.hex}", MODEL_ALIAS, interaction.revision or ""
        )
        if asked.stream:
            body = render.stream(events, frame, asked, interaction.language or "en")
            return EventStream(body, _headers(gateway, request, interaction))
        whole = await render.whole(events, frame, asked)
        return JSONResponse(whole, headers=_headers(gateway, request, interaction))
    except ShopsightError as error:
        language = preferred_language(request.headers.get("accept-language"))
        if interaction.language in ("zh", "en"):
            language = interaction.language
        return error_response(error, language, _headers(gateway, request, interaction))


def _headers(gateway: "Gateway", request: Request, interaction: Interaction) -> dict[str, str]:
    headers = {
        "x-request-id": interaction.request_id,
        "x-interaction-id": str(interaction.id),
        "server-timing": interaction.server_timing,
    }
    if interaction.cache:
        headers["x-cache"] = interaction.cache
    if interaction.revision:
        headers["x-model-revision"] = interaction.revision
    if cookie := gateway.callers.cookie(interaction.caller, request.cookies):
        headers["set-cookie"] = cookie
    return headers
