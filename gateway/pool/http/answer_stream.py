"""The event stream of a replica → pieces of an answer. A broken stream is an error."""

import json
import math
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any

from contract import sse
from contract.completion import CompletionRequest
from contract.render import AnswerPiece
from contract.response import Delta, Finished, TokenLogprob, Usage
from contract.text.control_tokens import CONTROL_TOKEN
from gateway.pool.http.blame import MALFORMED, request_error
from gateway.pool.http.connection import UpstreamError

# The largest integer of the log's columns. No model's context is longer than a thousandth of it.
MAX_TOKENS = 2**31 - 1


async def answer_pieces(
    body: AsyncIterator[bytes], asked: CompletionRequest
) -> AsyncGenerator[AnswerPiece]:
    """The pieces of the answer, the last of them Finished. Raises UpstreamError, or the error to
    pass on when the replica blames the request."""
    reason, usage, has_content = None, Usage(), False
    logprobs = asked.sampling.logprobs
    try:
        async with aclosing(sse.payloads(body)) as payloads:
            async for data in payloads:
                chunk = json.loads(data)
                if error := chunk.get("error"):
                    raise request_error(error, asked) or UpstreamError("error_event")
                # A server's bookkeeping may lack what does not touch the answer.
                if counts := chunk.get("usage"):
                    usage = Usage(
                        _token_count(counts.get("prompt_tokens")),
                        _token_count(counts.get("completion_tokens")),
                    )
                for choice in (chunk.get("choices") if counts else chunk["choices"]) or ():
                    piece = _piece(choice, logprobs)
                    if piece.text or piece.logprobs:
                        has_content = True
                        yield piece
                    reason = choice.get("finish_reason") or reason
    except EOFError:
        raise UpstreamError("cut", "ended before [DONE]") from None
    except MALFORMED as error:
        raise UpstreamError("garbage", repr(error)[:200]) from None
    if reason not in ("stop", "length", "content_filter"):
        raise UpstreamError("cut", "no finish_reason")
    # One of the client's `stop` may be the first that the model wrote.
    may_be_empty = asked.sampling.stop and usage.completion_tokens
    if not has_content and not may_be_empty and reason != "content_filter":
        raise UpstreamError("empty", "an answer of nothing")
    yield Finished(reason, usage)


def _piece(choice: dict[str, Any], logprobs: bool) -> Delta:
    # Some servers end with a choice that has no delta.
    text = (choice.get("delta") or {}).get("content") or ""
    if not isinstance(text, str):
        raise TypeError("content is no text")
    text.encode()  # JSON may hold half a character, which nothing behind this can write
    if not logprobs:
        return Delta(text)
    read = map(TokenLogprob.read, (choice.get("logprobs") or {}).get("content") or ())
    # Servers of other kinds list the token that ends a turn, which is no part of the text.
    tokens = tuple(token for token in read if not _is_control_token(token))
    with_alternatives = (each for token in tokens for each in (token, *token.top))
    if not all(math.isfinite(each.logprob) for each in with_alternatives):
        raise ValueError("logprob is no number")
    return Delta(text, tokens)


def _is_control_token(token: TokenLogprob) -> bool:
    return CONTROL_TOKEN.fullmatch(token.data.decode("utf-8", "replace")) is not None


def _token_count(value: Any) -> int:
    count = int(value or 0)
    if not 0 <= count <= MAX_TOKENS:
        raise ValueError("not a number of tokens")
    return count
