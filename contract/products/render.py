"""A card or a match as its asker gets it: one JSON object, or a card field by field."""

import logging
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing
from typing import Any

from contract import sse
from contract.completion import CompletionRequest
from contract.errors import InternalError, ShopsightError
from contract.products.answers import CardAnswer, MatchAnswer, field_confidence
from contract.products.calibration import Calibration
from contract.products.card import CARD_FIELDS, read_field
from contract.products.fields import written_fields
from contract.render import AnswerPieces, joined
from contract.response import AnswerFrame, Delta, Finished

log = logging.getLogger(__name__)


def product_object(
    frame: AnswerFrame,
    product: CardAnswer | MatchAnswer,
    end: Finished,
    language: str,
    calibration: Calibration,
) -> dict[str, Any]:
    if isinstance(product, CardAnswer):
        calibrated = bool(calibration.card)
        return card_object(frame, product, end, language=language, calibrated=calibrated)
    return match_object(frame, product, end, calibrated=calibration.match is not None)


async def end_of(pieces: AnswerPieces) -> Finished:
    """How an answer ends that nobody wants piece by piece."""
    async with aclosing(pieces):
        async for piece in pieces:
            if isinstance(piece, Finished):
                return piece
    raise InternalError


def card_object(
    frame: AnswerFrame, answer: CardAnswer, end: Finished, *, language: str, calibrated: bool
) -> dict[str, Any]:
    told = {"language": language, "calibrated": calibrated, "finish_reason": end.reason}
    return {**_object(frame, "product.card"), "card": answer.wire(), **told, **_usage(end)}


def match_object(
    frame: AnswerFrame, answer: MatchAnswer, end: Finished, *, calibrated: bool
) -> dict[str, Any]:
    # The model was stopped behind its first word, which says nothing to an asker.
    reason = "stop" if end.reason == "length" else end.reason
    told = {"score": answer.score, "calibrated": calibrated, "finish_reason": reason}
    return {**_object(frame, "product.match"), **told, **_usage(end)}


async def card_stream(
    pieces: AnswerPieces,
    whole: Callable[[Finished], dict[str, Any]],
    calibration: Calibration,
    asked: CompletionRequest,
    language: str,
) -> AsyncGenerator[bytes]:
    """Each field as soon as it is complete, then the whole card, then `[DONE]`. After the first
    byte a failure is an error event, and no `[DONE]` follows it."""
    written, told = Delta(""), 0
    async with aclosing(pieces):
        try:
            async for piece in pieces:
                ended = isinstance(piece, Finished)
                if isinstance(piece, Delta):
                    written = joined([written, piece])
                for event in _fields(written, told, calibration, ended=ended):
                    told += 1
                    yield sse.frame(event)
                if isinstance(piece, Finished):
                    yield sse.frame(whole(piece))
                    yield sse.DONE
        except ShopsightError as error:
            yield sse.frame(asked.placed(error).body(language))
        except Exception:
            log.exception("failed in mid-stream")
            yield sse.frame(InternalError().body(language))


def _fields(
    written: Delta, told: int, calibration: Calibration, *, ended: bool
) -> Iterator[dict[str, Any]]:
    """The fields behind the first `told`. One whose tokens are held back, as the screen does with
    what may be the beginning of something, waits for them. Raises ReplicaFailed for a value that
    no card has there."""
    fields = [each for each in written_fields(written.text) if each.name in CARD_FIELDS][told:]
    if not fields:
        return
    sure = field_confidence(written, calibration)
    for field in fields:
        if written.logprobs and field.name not in sure and not ended:
            return
        yield {
            "object": "product.card.field",
            "field": field.name,
            "value": read_field(field.name, written.text[field.start : field.end]),
            "confidence": sure.get(field.name),
            "calibrated": bool(calibration.card),
        }


def _object(frame: AnswerFrame, kind: str) -> dict[str, Any]:
    return {
        "id": frame.id,
        "object": kind,
        "created": frame.created,
        "model": frame.model,
        "model_revision": frame.model_revision,
    }


def _usage(end: Finished) -> dict[str, Any]:
    return {"usage": end.usage.wire()}
