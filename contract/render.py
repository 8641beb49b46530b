"""The events of an answer → bytes for the client: one JSON object, or a stream of chunks."""

import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from contract import sse
from contract.completion import CompletionRequest
from contract.errors import InternalError, ShopsightError
from contract.response import AnswerFrame, Delta, Finished

log = logging.getLogger(__name__)

AnswerPiece = Delta | Finished
AnswerPieces = AsyncGenerator[AnswerPiece]


async def whole(events: AnswerPieces, frame: AnswerFrame, asked: CompletionRequest) -> Any:
    """Collect the answer into the JSON object of the form in which the question came."""
    pieces: list[Delta] = []
    end = None
    async with aclosing(events):
        async for event in events:
            if isinstance(event, Delta):
                pieces.append(event)
            else:
                end = event
    if end is None:
        raise InternalError
    answer = joined(pieces)
    return frame.short(answer.text, end) if asked.short else frame.whole(answer, end)


def joined(pieces: list[Delta]) -> Delta:
    """The pieces of an answer as one."""
    logprobs = tuple(token for piece in pieces for token in piece.logprobs)
    return Delta("".join(piece.text for piece in pieces), logprobs)


async def stream(
    events: AnswerPieces, frame: AnswerFrame, asked: CompletionRequest, language: str
) -> AsyncGenerator[bytes]:
    """Chunks as they come, then `[DONE]`; after the first byte a failure is an error event, and
    no `[DONE]` follows it."""
    async with aclosing(events):
        try:
            yield sse.frame(frame.opening_chunk())
            async for event in events:
                if isinstance(event, Delta):
                    yield sse.frame(frame.chunk(event))
                    continue
                yield sse.frame(frame.closing_chunk(event))
                if frame.counts_tokens:
                    yield sse.frame(frame.usage_chunk(event))
                yield sse.DONE
        except ShopsightError as error:
            yield sse.frame(asked.placed(error).body(language))
        except Exception:
            log.exception("failed in mid-stream")
            yield sse.frame(InternalError().body(language))


async def primed(events: AnswerPieces) -> AnswerPieces:
    """Wait for the first event, so that an error before it still gets its own HTTP status."""
    first = await anext(events)

    async def all_events() -> AnswerPieces:
        async with aclosing(events):
            yield first
            async for event in events:
                yield event

    return all_events()
