"""The way of one line of a batch: the same as that of a live question, by the same use case, but
behind all shoppers and within limits of its own."""

import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import orjson

from contract import render
from contract.completion import CompletionRequest
from contract.errors import InternalError, InvalidField, ShopsightError
from contract.forms import MODEL_ALIAS
from contract.products.forms import parse_card, parse_match
from contract.products.render import end_of, product_object
from contract.request import parse_completion
from contract.response import AnswerFrame
from contract.text.language import language_of, preferred_language
from gateway.batch.line import Answer, Line, LineBatch
from gateway.errors import InvalidKey, KeysUnavailable
from gateway.identity.callers import Caller
from gateway.identity.keys import KeyRing
from gateway.identity.scopes import ASK, CARD, MATCH
from gateway.limits.limiter import Limiter
from gateway.log.interaction import Interaction
from gateway.log.outbox.recorder import Recorder
from gateway.log.products import BATCH_LINE
from gateway.usecases.answer import Answering
from gateway.usecases.question import Question, new_question
from gateway.usecases.tasks import PHOTO_MATCH, PRODUCT_CARD, QUESTION, Task

log = logging.getLogger(__name__)

Admit = Callable[[], Awaitable[None]]


@dataclass(frozen=True)
class BatchEndpoint:
    """What lines may ask for. `ask` gets the body of a request to that address, and answers its
    body; it admits the caller before it does anything, and records the interaction."""

    scope: str
    ask: Callable[[bytes, Interaction, Admit], Awaitable[dict[str, Any]]]


def batch_endpoints(answering: Answering) -> Mapping[str, BatchEndpoint]:
    """By address. `answering`: with the deadline of lines."""
    language = preferred_language(None)  # of a line that names none

    async def asked_by(
        parse: Callable[[bytes], CompletionRequest],
        task: Task,
        body: bytes,
        interaction: Interaction,
        admit: Admit,
    ) -> tuple[render.AnswerPieces, AnswerFrame]:
        async def read() -> Question:
            await admit()
            asked = parse(body)
            if asked.stream:
                refused = InvalidField("stream", unsupported="stream")
                refused.language = asked.language or language_of(asked.question)
                raise refused
            return new_question(asked, task=task)

        pieces = await render.primed(answering.answer(read, interaction))
        kind = "chatcmpl" if task is QUESTION else task.scope
        name = f"{kind}-{interaction.id.hex}"
        return pieces, AnswerFrame(name, MODEL_ALIAS, interaction.revision or "")

    async def chat(body: bytes, interaction: Interaction, admit: Admit) -> dict[str, Any]:
        pieces, frame = await asked_by(parse_completion, QUESTION, body, interaction, admit)
        assert interaction.asked is not None
        whole: dict[str, Any] = await render.whole(pieces, frame, interaction.asked)
        return whole

    async def product(
        parse: Callable[[bytes, str], CompletionRequest],
        task: Task,
        body: bytes,
        interaction: Interaction,
        admit: Admit,
    ) -> dict[str, Any]:
        def parsed(data: bytes) -> CompletionRequest:
            return parse(data, language)

        pieces, frame = await asked_by(parsed, task, body, interaction, admit)
        end = await end_of(pieces)
        assert interaction.product is not None
        told_in = interaction.language or language
        calibration = answering.pool.calibration(frame.model_revision)
        return product_object(frame, interaction.product, end, told_in, calibration)

    return {
        "/v1/chat/completions": BatchEndpoint(ASK, chat),
        "/v1/products/card": BatchEndpoint(CARD, partial(product, parse_card, PRODUCT_CARD)),
        "/v1/match": BatchEndpoint(MATCH, partial(product, parse_match, PHOTO_MATCH)),
    }


@dataclass(frozen=True)
class BatchLines:
    endpoints: Mapping[str, BatchEndpoint]
    keys: KeyRing
    limits: Limiter
    recorder: Recorder

    async def ask(self, batch: LineBatch, line: Line, body: dict[str, Any]) -> Answer:
        """One try of a line. Its row in the log has the batch as its parent. Raises nothing but
        CancelledError."""
        interaction = _interaction_of(batch)
        endpoint = self.endpoints[batch.endpoint]
        sent = orjson.dumps(body)

        async def admit() -> None:
            caller = interaction.caller = self._caller(batch)
            caller.require(endpoint.scope)
            if (waiting := self.limits.admit(caller)) is not None:
                await waiting
            self.limits.spend_bytes(caller, len(sent))

        try:
            answered = await endpoint.ask(sent, interaction, admit)
        except ShopsightError as error:
            return self._refused(error, interaction)
        except Exception:
            fields = {"request_id": interaction.request_id}
            log.exception("unhandled", extra={"fields": fields})
            return self._refused(InternalError(), interaction)
        return Answer(200, interaction.request_id, answered)

    async def refuse(self, batch: LineBatch, error: ShopsightError) -> Answer:
        """A line that cannot be asked has its row, too. Raises nothing but CancelledError."""
        interaction = _interaction_of(batch)
        try:
            async with self.recorder.recorded(interaction):
                raise error
        except ShopsightError as told:  # or that nothing can be recorded
            return self._refused(told, interaction)

    def _caller(self, batch: LineBatch) -> Caller:
        """As the key is now: it may have been revoked or have expired, or have lost a scope. Raises
        InvalidKey, and KeysUnavailable while nobody can say: the line waits."""
        key = self.keys.by_id(batch.key_id)
        if key is None and not self.keys.complete:
            raise KeysUnavailable
        if key is None or key.tenant != batch.tenant or key.expires_at <= time.time():
            raise InvalidKey
        return Caller(key.tenant, key=key.id, scopes=key.scopes, batch=True)

    @staticmethod
    def _refused(error: ShopsightError, interaction: Interaction) -> Answer:
        asked = interaction.asked
        if asked is not None:
            error = asked.placed(error)
        body = error.body(interaction.language or error.language or "en")
        named = asked is not None and asked.model != MODEL_ALIAS
        return Answer(error.status, interaction.request_id, body, error.retry_after_s, named)


def _interaction_of(batch: LineBatch) -> Interaction:
    route, tenant = f"batch {batch.endpoint}", Caller(batch.tenant)
    interaction = Interaction("", BATCH_LINE, route, parent=batch.key, caller=tenant)
    interaction.request_id = f"batch_req_{interaction.id.hex}"
    interaction.uploaded_at = batch.uploaded_at
    return interaction
