"""The stream of a replica → events; whatever is not a whole, well-formed answer is an error."""

import json
import math
import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any

from contract import errors, sse
from contract.completion import CompletionRequest
from contract.errors import ShopsightError
from contract.render import AnswerPiece
from contract.response import Delta, Finished, TokenLogprob, Usage
from gateway.pool.http.connection import BrokenError

# Refusals of a replica that are about the question, not about the replica: passed on as they are.
PASSED_ON: dict[str, type[ShopsightError]] = {
    error.code: error
    for error in (
        errors.InvalidField,
        errors.InvalidSchema,
        errors.UnsupportedImageType,
        errors.ImageUndecodable,
        errors.ImageDimensions,
        errors.ImageTooManyPixels,
        errors.PayloadTooLarge,
        errors.ModelNotFound,
        errors.DeadlineExceeded,
    )
}
_OUR_FIELD = re.compile(r"[a-z_]+(\.[a-z0-9_]+)*")
# Of the log's columns; the longest context of any model is a thousandth of it.
MAX_COUNT = 2**31 - 1
_MALFORMED = (ValueError, LookupError, TypeError, AttributeError, RecursionError)


async def answer_events(
    body: AsyncIterator[bytes], asked: CompletionRequest
) -> AsyncGenerator[AnswerPiece]:
    """The pieces of the answer and its end. Raises BrokenError, or the question's own error where
    the replica names one."""
    reason, usage, said = None, Usage(), False
    logprobs = asked.sampling.logprobs
    try:
        async with aclosing(sse.payloads(body)) as payloads:
            async for data in payloads:
                chunk = json.loads(data)
                if error := chunk.get("error"):
                    raise named_error(error) or BrokenError("error_event")
                if counts := chunk.get("usage"):
                    usage = Usage(
                        _count(counts["prompt_tokens"]), _count(counts["completion_tokens"])
                    )
                for choice in chunk["choices"]:
                    piece = _piece(choice, logprobs)
                    if piece.text or piece.logprobs:
                        said = True
                        yield piece
                    reason = choice.get("finish_reason") or reason
    except EOFError:
        raise BrokenError("cut", "ended before [DONE]") from None
    except _MALFORMED as error:
        raise BrokenError("garbage", repr(error)[:200]) from None
    if reason not in ("stop", "length", "content_filter"):
        raise BrokenError("cut", "no finish_reason")
    if not said and not usage.completion_tokens:
        raise BrokenError("garbage", "an answer of nothing")
    yield Finished(reason, usage)


def named_error(error: Any) -> ShopsightError | None:
    """The question's own fault, where this error object of a replica tells of one."""
    code = error.get("code") if isinstance(error, dict) else None
    if not isinstance(code, str) or code not in PASSED_ON:
        return None
    param = error.get("param")
    return PASSED_ON[code](
        param if isinstance(param, str) and _OUR_FIELD.fullmatch(param) else None
    )


def _piece(choice: dict[str, Any], logprobs: bool) -> Delta:
    text = choice["delta"].get("content") or ""
    if not isinstance(text, str):
        raise TypeError("content is no text")
    if not logprobs:
        return Delta(text)
    tokens = tuple(map(TokenLogprob.read, (choice.get("logprobs") or {}).get("content") or ()))
    everyone = (each for token in tokens for each in (token, *token.top))
    if not all(math.isfinite(each.logprob) for each in everyone):
        raise ValueError("logprob is no number")
    return Delta(text, tokens)


def _count(value: Any) -> int:
    count = int(value)
    if not 0 <= count <= MAX_COUNT:
        raise ValueError("not a number of tokens")
    return count
