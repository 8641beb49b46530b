"""The endpoints for questions about photos: parse, call `usecases.answer`, serialise. Plain ASGI,
because FastAPI's layers would take longer than all the rest of a cached answer."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

import orjson
from fastapi import Request, Response
from starlette.datastructures import State
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from contract import render
from contract.completion import CompletionRequest
from contract.errors import InternalError, ShopsightError
from contract.forms import MODEL_ALIAS
from contract.http import EventStream, check_media_type, read_body
from contract.request import parse_completion, parse_form
from contract.response import AnswerFrame
from gateway.api.admission import admitted, count_body
from gateway.api.disconnect import DisconnectWatch
from gateway.api.envelope import error_response, new_interaction, owner, response_headers
from gateway.api.multipart import read_form
from gateway.gateway import Gateway
from gateway.log.interaction import Interaction
from gateway.usecases.question import Question, new_question, question_of
from gateway.usecases.questions import Questions
from gateway.usecases.tasks import QUESTION

log = logging.getLogger(__name__)

QuestionReader = Callable[[Request, Questions, str], Awaitable[Question]]


async def json_question(request: Request, questions: Questions, tenant: str) -> Question:
    """Either JSON form. A body that this tenant has sent before is not parsed again."""
    check_media_type(request, "application/json")
    body = await read_body(request)
    memo_key = tenant, body.digest
    memoised = questions.recall(memo_key)
    if memoised is None:
        return new_question(parse_completion(body.data), memo_key)

    async def again() -> CompletionRequest:
        return parse_completion(body.data)

    return question_of(memoised, again)


async def form_question(request: Request, questions: Questions, tenant: str) -> Question:
    """The multipart form. Not memoised: browsers draw a new boundary, so no body comes twice."""
    return new_question(parse_form(*await read_form(request)))


class AskEndpoint:
    """The endpoint for questions at `path`. `state`: where the lifespan puts the gateway."""

    task = QUESTION

    def __init__(self, path: str, read: QuestionReader, state: State) -> None:
        self.path = path
        self._read = read
        self._state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        gateway: Gateway = self._state.gateway
        interaction = new_interaction(request, self.task.scope, self.path)
        disconnect = DisconnectWatch(receive)
        try:
            response = await self._answer(request, gateway, interaction, disconnect)
        except ClientDisconnect:
            return
        except asyncio.CancelledError:
            if not disconnect.happened:
                raise
            return
        except ShopsightError as error:
            response = error_response(error, request, gateway, interaction)
        except Exception:
            fields = {"request_id": interaction.request_id}
            log.exception("unhandled", extra={"fields": fields})
            response = error_response(InternalError(), request, gateway, interaction)
        finally:
            disconnect.stop()
        await response(scope, receive, send)

    async def _answer(
        self,
        request: Request,
        gateway: Gateway,
        interaction: Interaction,
        disconnect: DisconnectWatch,
    ) -> Response:
        """The response to one question, in the form in which it was asked."""
        answering = gateway.answering

        async def read() -> Question:
            caller = await admitted(request, gateway, interaction, self.task.scope)
            try:
                question = await self._read(request, answering.questions, caller.tenant)
            finally:
                count_body(request, gateway, caller)
            disconnect.start()  # the body is complete: all that can follow is the disconnect
            return question

        pieces = await render.primed(answering.answer(read, interaction))
        return await self._rendered(pieces, gateway, interaction)

    async def _rendered(
        self, pieces: render.AnswerPieces, gateway: Gateway, interaction: Interaction
    ) -> Response:
        asked = interaction.asked
        assert asked is not None
        frame = AnswerFrame(
            f"chatcmpl-{interaction.id.hex}",
            MODEL_ALIAS,
            interaction.revision or "",
            counts_tokens=asked.include_usage,
        )
        if asked.stream:
            body = render.stream(pieces, frame, asked, interaction.language or "en")
            return EventStream(body, response_headers(gateway, interaction))
        whole = await render.whole(pieces, frame, asked)
        if asked.short:
            whole |= owner(gateway, interaction)
        headers = response_headers(gateway, interaction)
        return Response(orjson.dumps(whole), headers=headers, media_type="application/json")
