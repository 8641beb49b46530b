"""The event stream of a replica → pieces of an answer. A broken stream is an error."""

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
from gateway.pool.http.connection import UpstreamError

# Errors of a replica that blame the request, not the replica. The caller gets them as they are.
PASSED_ON: dict[str, type[ShopsightError]] = {
    error.code: error
    for error in (
        errors.ContextLengthExceeded,
        errors.InvalidField,
        errors.InvalidSchema,
        errors.UnsupportedImageType,
        errors.ImageUndecodable,
        errors.ImageDimensions,
        errors.ImageTooComplex,
        errors.ImageTooManyPixels,
        errors.PayloadTooLarge,
        errors.ModelNotFound,
        errors.DeadlineExceeded,
    )
}
# How vLLM, OpenAI, SGLang and llama.cpp say that a conversation is too long.
_TOO_LONG = re.compile(r"context (length|size|window)|maximum model length", re.IGNORECASE)
_OUR_FIELD = re.compile(r"[a-z_]+(\.[a-z0-9_]+)*")
# The largest integer of the log's columns. No model's context is longer than a thousandth of it.
MAX_TOKENS = 2**31 - 1
_MALFORMED = (ValueError, LookupError, TypeError, AttributeError, RecursionError)


async def answer_pieces(
    body: AsyncIterator[bytes], asked: CompletionRequest
) -> AsyncGenerator[AnswerPiece]:
    """The pieces of the answer, the last of them Finished. Raises UpstreamError, or one of
    PASSED_ON when the replica blames the request."""
    reason, usage, has_content = None, Usage(), False
    logprobs = asked.sampling.logprobs
    try:
        async with aclosing(sse.payloads(body)) as payloads:
            async for data in payloads:
                chunk = json.loads(data)
                if error := chunk.get("error"):
                    raise request_error(error) or UpstreamError("error_event")
                if counts := chunk.get("usage"):
                    usage = Usage(
                        _token_count(counts["prompt_tokens"]),
                        _token_count(counts["completion_tokens"]),
                    )
                for choice in chunk["choices"]:
                    piece = _piece(choice, logprobs)
                    if piece.text or piece.logprobs:
                        has_content = True
                        yield piece
                    reason = choice.get("finish_reason") or reason
    except EOFError:
        raise UpstreamError("cut", "ended before [DONE]") from None
    except _MALFORMED as error:
        raise UpstreamError("garbage", repr(error)[:200]) from None
    if reason not in ("stop", "length", "content_filter"):
        raise UpstreamError("cut", "no finish_reason")
    if not has_content and not usage.completion_tokens:
        raise UpstreamError("garbage", "an answer of nothing")
    yield Finished(reason, usage)


def error_object(body: bytes) -> dict[str, Any]:
    """Of an answer that is none; empty for what has no such object."""
    try:
        answer = json.loads(body)
        error = answer.get("error", answer)  # SGLang's stands alone
    except _MALFORMED:
        return {}
    return error if isinstance(error, dict) else {}


def request_error(error: Any) -> ShopsightError | None:
    """The error to pass on, if this error object of a replica blames the request; else None."""
    if not isinstance(error, dict):
        return None
    code = error.get("code")
    if isinstance(code, str) and code in PASSED_ON:
        return PASSED_ON[code](_our_field(error.get("param")))
    if _TOO_LONG.search(str(error.get("message"))):
        return errors.ContextLengthExceeded("messages")
    return None


def _our_field(param: Any) -> str | None:
    if not isinstance(param, str) or not _OUR_FIELD.fullmatch(param):
        return None
    # The replica's messages are not the asker's: an instruction of ours stands before them.
    return "messages" if param.startswith("messages.") else param


def _piece(choice: dict[str, Any], logprobs: bool) -> Delta:
    text = choice["delta"].get("content") or ""
    if not isinstance(text, str):
        raise TypeError("content is no text")
    if not logprobs:
        return Delta(text)
    tokens = tuple(map(TokenLogprob.read, (choice.get("logprobs") or {}).get("content") or ()))
    with_alternatives = (each for token in tokens for each in (token, *token.top))
    if not all(math.isfinite(each.logprob) for each in with_alternatives):
        raise ValueError("logprob is no number")
    return Delta(text, tokens)


def _token_count(value: Any) -> int:
    count = int(value)
    if not 0 <= count <= MAX_TOKENS:
        raise ValueError("not a number of tokens")
    return count
