"""The way of one line of a batch: the same as that of a live question, by the same use case, but
behind all shoppers and within limits of its own."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from contract import render
from contract.errors import InternalError, InvalidField, ShopsightError
from contract.forms import MODEL_ALIAS
from contract.request import parse_completion
from contract.response import AnswerFrame
from gateway.batch.line import Answer, Line, LineBatch
from gateway.errors import InvalidKey
from gateway.identity.callers import Caller
from gateway.identity.keys import KeyRing
from gateway.identity.scopes import ASK
from gateway.limits.limiter import Limiter
from gateway.log.interaction import Interaction
from gateway.usecases.answer import Answering
from gateway.usecases.questions import Question, new_question

log = logging.getLogger(__name__)

KIND = "batch line"


@dataclass(frozen=True)
class BatchEndpoint:
    """What lines may ask for. `ask` gets the body of a request to that address, and answers its
    body; it admits the caller before it does anything, and records the interaction."""

    scope: str
    ask: Callable[[bytes, Interaction, Callable[[], Awaitable[None]]], Awaitable[dict[str, Any]]]


def batch_endpoints(answering: Answering) -> Mapping[str, BatchEndpoint]:
    """By address. `answering`: with the deadline of lines."""

    async def chat(
        body: bytes, interaction: Interaction, admit: Callable[[], Awaitable[None]]
    ) -> dict[str, Any]:
        async def read() -> Question:
            await admit()
            asked = parse_completion(body)
            if asked.stream:
                raise InvalidField("stream", unsupported="stream")
            return new_question(asked)

        pieces = await render.primed(answering.answer(read, interaction))
        asked, revision = interaction.asked, interaction.revision or ""
        assert asked is not None
        frame = AnswerFrame(f"chatcmpl-{interaction.id.hex}", MODEL_ALIAS, revision)
        whole: dict[str, Any] = await render.whole(pieces, frame, asked)
        return whole

    return {"/v1/chat/completions": BatchEndpoint(ASK, chat)}


@dataclass(frozen=True)
class BatchLines:
    endpoints: Mapping[str, BatchEndpoint]
    keys: KeyRing
    limits: Limiter

    async def ask(self, batch: LineBatch, line: Line, body: dict[str, Any]) -> Answer:
        """One try of a line. Its row in the log has the batch as its parent. Raises nothing but
        CancelledError."""
        interaction = Interaction(
            "", KIND, f"batch {batch.endpoint}", parent=batch.key, caller=Caller(batch.tenant)
        )
        interaction.request_id = f"batch_req_{interaction.id.hex}"
        endpoint = self.endpoints[batch.endpoint]
        sent = orjson.dumps(body)

        async def admit() -> None:
            caller = interaction.caller = self._caller(batch)
            caller.require(endpoint.scope)
            if (waiting := self.limits.admit(caller, len(sent))) is not None:
                await waiting

        try:
            answered = await endpoint.ask(sent, interaction, admit)
        except ShopsightError as error:
            return self._refused(error, interaction)
        except Exception:
            log.exception("unhandled")
            return self._refused(InternalError(), interaction)
        return Answer(200, interaction.request_id, answered)

    def _caller(self, batch: LineBatch) -> Caller:
        """As the key is now: it may have been revoked, or have lost a scope. Raises InvalidKey."""
        key = self.keys.by_id(batch.key_id)
        if key is None or key.tenant != batch.tenant:
            raise InvalidKey
        return Caller(key.tenant, key=key.id, scopes=key.scopes, batch=True)

    @staticmethod
    def _refused(error: ShopsightError, interaction: Interaction) -> Answer:
        if interaction.asked is not None:
            error = interaction.asked.placed(error)
        body = error.body(interaction.language or "en")
        return Answer(error.status, interaction.request_id, body, error.retry_after_s)
