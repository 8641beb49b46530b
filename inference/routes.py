"""The replica's HTTP interface: parses a request, calls the engine, serialises the answer."""

import asyncio
import time
import uuid
from functools import partial
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from contract import render
from contract.attempts import attempt_of, pixel_bound
from contract.completion import CompletionRequest
from contract.errors import (
    DeadlineExceeded,
    ImageNotFound,
    InvalidField,
    ModelNotFound,
    NoReplica,
)
from contract.forms import MODEL_ALIAS
from contract.http import EventStream, check_media_type, read_body
from contract.images import check_image
from contract.language import language_of
from contract.request import parse_completion
from contract.response import AnswerFrame
from inference.job import Job, Priority
from inference.model.grammar import Grammar
from inference.model.prompts import Prompt
from inference.replica import Replica

router = APIRouter()


def _replica(request: Request) -> Replica:
    replica: Replica = request.app.state.replica
    return replica


@router.post("/v1/chat/completions")
async def chat_completions(request: Request) -> Response:
    replica = _replica(request)
    if not replica.ready:
        raise NoReplica
    check_media_type(request, "application/json")
    asked = parse_completion((await read_body(request)).data)
    facts = replica.model.facts
    if asked.model not in (MODEL_ALIAS, facts.name, facts.revision):
        raise ModelNotFound("model")
    header = request.headers.get("x-deadline-ms", "")
    valid = header.isdecimal() and len(header) < 9
    budget_ms = int(header) if valid else replica.default_deadline_ms
    deadline = time.monotonic() + budget_ms / 1000
    namespace = request.headers.get("x-cache-namespace", "")
    try:
        async with asyncio.timeout(budget_ms / 1000):
            prepare = partial(_prepare, replica, asked, namespace, attempt_of(request.headers))
            prompt, grammar = await asyncio.to_thread(prepare)
    except TimeoutError:
        raise DeadlineExceeded from None
    priority: Priority = "batch" if request.headers.get("x-priority") == "batch" else "interactive"
    job = Job(prompt, asked.sampling, deadline, priority, grammar)
    pieces = await render.primed(replica.engine.answer(job))
    frame = AnswerFrame(f"chatcmpl-{uuid.uuid4().hex}", facts.name, facts.revision)
    headers = {"x-model-revision": facts.revision}
    if not asked.stream:
        return JSONResponse(await render.whole(pieces, frame, asked), headers=headers)
    body = render.stream(pieces, frame, asked, language_of(asked.question))
    return EventStream(body, headers)


def _prepare(
    replica: Replica, asked: CompletionRequest, namespace: str, attempt: int
) -> tuple[Prompt, Grammar | None]:
    """Raises ImageNotFound for an `image_id`, InvalidSchema, and InvalidField for a conversation
    longer than the context."""
    grammar = replica.model.grammar(asked.sampling)
    if asked.image_id is not None:
        raise ImageNotFound("image_id")
    max_prompt_tokens = replica.model.facts.max_context_tokens - asked.sampling.max_tokens
    prompt = _prompt(replica, asked, namespace, attempt)
    while len(prompt.ids) > max_prompt_tokens:
        if attempt == 0 or asked.image is None:
            raise InvalidField("messages")
        attempt -= 1  # a smaller photo is better than no answer
        prompt = _prompt(replica, asked, namespace, attempt)
    return prompt, grammar


def _prompt(replica: Replica, asked: CompletionRequest, namespace: str, attempt: int) -> Prompt:
    if asked.image is None:
        return replica.model.prompt(asked, None)
    photo = check_image(asked.image, pixel_bound(attempt))
    # The key contains the tenant: the time of an answer must not reveal another tenant's photos.
    key = f"{len(namespace)}:{namespace}{attempt}:{photo.facts.digest}"
    return replica.model.prompt(asked, photo.pixels, key, attempt)


@router.get("/v1/models")
async def models(request: Request) -> dict[str, Any]:
    facts = _replica(request).model.facts
    model = {
        "id": MODEL_ALIAS,
        "object": "model",
        "created": 0,
        "owned_by": "shopsight",
        "name": facts.name,
        "model_revision": facts.revision,
        "demo": facts.demo,
        "parameters": facts.parameters,
    }
    return {"object": "list", "data": [model]}


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    return {"status": "alive"}


@router.get("/readyz")
async def readyz(request: Request) -> Response:
    replica = _replica(request)
    headers = {"x-model-revision": replica.model.facts.revision} if replica.ready else {}
    return JSONResponse({"ready": replica.ready}, 200 if replica.ready else 503, headers)


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    body = generate_latest(_replica(request).metrics.registry)
    return Response(body, media_type=CONTENT_TYPE_LATEST)
