"""The two ways to ask over HTTP: parse, hand over to `answering`, serialise. Plain ASGI, because
FastAPI's machinery would cost a cached answer more than all the rest."""

import asyncio
import logging
import re
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

import orjson
from fastapi import FastAPI, Request, Response
from starlette.datastructures import State
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

from contract import render
from contract.errors import InternalError, ShopsightError
from contract.forms import MODEL_ALIAS
from contract.http import EventStream, check_media_type, error_response, read_body
from contract.images import EncodedImage
from contract.language import preferred_language
from contract.request import parse_completion, parse_form
from contract.response import AnswerFrame
from gateway.cache.control import cache_control
from gateway.log.client import client_of
from gateway.log.interaction import Interaction
from gateway.multipart import read_form
from gateway.questions import Question, Questions, new_question

if TYPE_CHECKING:
    from gateway.app import Gateway

log = logging.getLogger(__name__)

_REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")

# Only answers that take longer are watched: a cached one would be slowed down by it.
WATCH_AFTER_S = 0.05

Reader = Callable[[Request, Questions, str], Awaitable[Question]]


async def json_question(request: Request, questions: Questions, tenant: str) -> Question:
    """Either JSON form; a body that this tenant has sent before is not parsed again."""
    check_media_type(request, "application/json")
    body = await read_body(request)
    name = tenant, body.digest
    known = questions.recall(name)
    if known is None:
        return new_question(parse_completion(body.data), name)

    async def photo() -> EncodedImage | None:
        return parse_completion(body.data).image

    return Question(known, photo)


async def form_question(request: Request, questions: Questions, tenant: str) -> Question:
    """The multipart form. Browsers draw a new boundary each time: no body comes twice."""
    return new_question(parse_form(*await read_form(request)))


class Asking:
    """One path of questions. `state`: where the lifespan puts the gateway."""

    def __init__(self, read: Reader, state: State) -> None:
        self._read = read
        self._state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        gateway: Gateway = self._state.gateway
        interaction = begun(request)
        departure = _Departure(receive)
        try:
            response = await self._answer(request, gateway, interaction, departure)
        except ClientDisconnect:
            return
        except asyncio.CancelledError:
            if not departure.happened:
                raise
            return
        except ShopsightError as error:
            response = failed(error, request, gateway, interaction)
        except Exception:
            log.exception("unhandled")
            response = failed(InternalError(), request, gateway, interaction)
        finally:
            departure.end_watch()
        await response(scope, receive, send)

    async def _answer(
        self,
        request: Request,
        gateway: "Gateway",
        interaction: Interaction,
        departure: "_Departure",
    ) -> Response:
        """One question to its answer, in the form in which it was asked."""
        answering = gateway.answering

        async def read() -> Question:
            caller = gateway.callers.identify(request.headers, request.cookies)
            interaction.caller = caller
            question = await self._read(request, answering.questions, caller.tenant)
            departure.watch()  # all of the body is here: what else comes is the client's leaving
            return question

        events = await render.primed(answering.answer(read, interaction))
        asked = interaction.asked
        assert asked is not None
        identity = f"chatcmpl-{interaction.id.hex}"
        frame = AnswerFrame(identity, MODEL_ALIAS, interaction.revision or "")
        if asked.stream:
            body = render.stream(events, frame, asked, interaction.language or "en")
            return EventStream(body, headers_of(gateway, interaction))
        whole = await render.whole(events, frame, asked)
        headers = headers_of(gateway, interaction)
        return Response(orjson.dumps(whole), headers=headers, media_type="application/json")


class _Departure:
    """Ends the work on an answer whose client has gone before it began: it holds a replica's
    place. A stream, once it has begun, looks after that itself."""

    def __init__(self, receive: Receive) -> None:
        self.happened = False
        self._receive = receive
        self._answering = asyncio.current_task()
        self._timer: asyncio.TimerHandle | None = None
        self._watch: asyncio.Task[None] | None = None

    def watch(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(WATCH_AFTER_S, self._begin)

    def end_watch(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._watch is not None:
            self._watch.cancel()

    def _begin(self) -> None:
        self._watch = asyncio.create_task(self._wait())

    async def _wait(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.happened = True
        if self._answering is not None:
            self._answering.cancel()


def begun(request: Request, kind: str = "ask") -> Interaction:
    given = request.headers.get("x-request-id", "")
    return Interaction(
        given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex,
        kind=kind,
        route=request.scope["path"],
        control=cache_control(request.headers.get("cache-control")),
        client=client_of(request.headers.get("user-agent", "")),
    )


def failed(
    error: ShopsightError, request: Request, gateway: "Gateway", interaction: Interaction
) -> Response:
    """The error in the asker's language, with the same ids as an answer."""
    language = preferred_language(request.headers.get("accept-language"))
    if interaction.language in ("zh", "en"):
        language = interaction.language
    return error_response(error, language, headers_of(gateway, interaction))


def headers_of(gateway: "Gateway", interaction: Interaction) -> dict[str, str]:
    headers = {
        "x-request-id": interaction.request_id,
        "x-interaction-id": str(interaction.id),
        "server-timing": interaction.server_timing,
    }
    if interaction.cache:
        headers["x-cache"] = interaction.cache
    if interaction.age_s is not None:
        headers["age"] = str(interaction.age_s)
    if interaction.revision:
        headers["x-model-revision"] = interaction.revision
    if cookie := gateway.callers.cookie(interaction.caller):
        headers["set-cookie"] = cookie
    return headers


class Front:
    """Questions go straight to `asking`, by path; everything else to `rest`, where FastAPI's layers
    and its search for a route take their time (a tenth of a cached answer's)."""

    def __init__(self, asking: Mapping[str, ASGIApp], rest: FastAPI) -> None:
        self._asking = asking
        self._rest = rest
        self.state = rest.state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app: ASGIApp = self._rest
        if scope["type"] == "http" and scope["method"] == "POST":
            app = self._asking.get(scope["path"], app)
        await app(scope, receive, send)
