"""The replica's HTTP interface: parses a request, calls the engine, serialises the answer."""

import asyncio
import time
import uuid
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from contract import render
from contract.attempts import attempt_of
from contract.completion import CompletionRequest
from contract.errors import ClientError, DeadlineExceeded, ModelNotFound
from contract.forms import MODEL_ALIAS
from contract.http import EventStream, check_media_type, read_body, request_id
from contract.request import parse_completion
from contract.response import AnswerFrame
from contract.text.canonical import canonical_request
from contract.text.language import ASKED_IN, language_of, told_in
from contract.wire import priority_of
from inference.batching.engine import not_begun
from inference.batching.job import Job
from inference.departure import while_present
from inference.preparing import Prepared, prepare
from inference.replica import Replica
from inference.telemetry import Preparing

router = APIRouter()

READS = ["GET", "HEAD"]


def _replica(request: Request) -> Replica:
    replica: Replica = request.app.state.replica
    return replica


@router.post("/v1/chat/completions")
async def chat_completions(request: Request) -> Response:
    replica = _replica(request)
    with replica.metrics.preparing(priority_of(request.headers)) as preparing:
        return await _answered(request, replica, preparing)


async def _answered(request: Request, replica: Replica, preparing: Preparing) -> Response:
    if not replica.ready:
        raise not_begun()
    check_media_type(request, "application/json")
    header = request.headers.get("x-deadline-ms", "")
    valid = header.isdecimal() and len(header) < 9
    priority = priority_of(request.headers)
    budget_ms = int(header) if valid else replica.deadlines_ms[priority]
    deadline = time.monotonic() + budget_ms / 1000
    try:
        with replica.room_to_prepare(priority):
            async with asyncio.timeout(budget_ms / 1000):
                asked, ready = await _prepared(request, replica)
    except TimeoutError:
        raise DeadlineExceeded from None
    facts = replica.model.facts
    asker = request_id(request.headers)
    grammar, began_at = ready.grammar, preparing.began_at
    job = Job(ready.prompt, ready.sampling, deadline, priority, grammar, asker, asked_at=began_at)
    preparing.end()
    pieces = await while_present(request, render.primed(replica.engine.answer(job)))
    frame = AnswerFrame(
        f"chatcmpl-{uuid.uuid4().hex}",
        facts.name,
        facts.revision,
        counts_tokens=asked.include_usage,
    )
    headers = {"x-model-revision": facts.revision}
    if not asked.stream:
        answer = await while_present(request, render.whole(pieces, frame, asked))
        return JSONResponse(answer, headers=headers)
    language = told_in(request.scope, request.headers.get("accept-language"))
    body = render.stream(pieces, frame, asked, language)
    return EventStream(body, headers)


async def _prepared(request: Request, replica: Replica) -> tuple[CompletionRequest, Prepared]:
    # Of a gateway's question nothing is left to change.
    asked = canonical_request(parse_completion((await read_body(request)).data))
    request.scope[ASKED_IN] = language_of(asked.question)
    facts = replica.model.facts
    if asked.model not in (MODEL_ALIAS, facts.name, facts.revision):
        raise ModelNotFound("model")
    namespace = request.headers.get("x-cache-namespace", "")
    try:
        work = prepare(replica, asked, namespace, attempt_of(request.headers))
        return asked, await while_present(request, work)
    except ClientError as error:
        raise asked.placed(error) from None


@router.api_route("/v1/models", methods=READS)
async def models(request: Request) -> dict[str, Any]:
    return {"object": "list", "data": [_listing(request, MODEL_ALIAS)]}


@router.api_route("/v1/models/{model:path}", methods=READS)
async def model(model: str, request: Request) -> dict[str, Any]:
    facts = _replica(request).model.facts
    if model not in (MODEL_ALIAS, facts.name, facts.revision):
        raise ModelNotFound("model")
    return _listing(request, model)


def _listing(request: Request, name: str) -> dict[str, Any]:
    facts = _replica(request).model.facts
    return {
        "id": name,
        "object": "model",
        "created": 0,
        "owned_by": "shopsight",
        "name": facts.name,
        "model_revision": facts.revision,
        "demo": facts.demo,
        "parameters": facts.parameters,
        **({"calibration": facts.calibration} if facts.calibration else {}),
    }


@router.api_route("/healthz", methods=READS)
async def healthz() -> dict[str, str]:
    return {"status": "alive"}


@router.api_route("/readyz", methods=READS)
async def readyz(request: Request) -> Response:
    replica = _replica(request)
    headers = {"x-model-revision": replica.model.facts.revision} if replica.ready else {}
    return JSONResponse({"ready": replica.ready}, 200 if replica.ready else 503, headers)


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    body = generate_latest(_replica(request).metrics.registry)
    return Response(body, media_type=CONTENT_TYPE_LATEST)
