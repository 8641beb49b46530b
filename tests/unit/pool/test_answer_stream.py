"""gateway/pool/http/answer_stream.py: what other servers send for an answer."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from contract.completion import CompletionRequest, Sampling, Turn
from contract.render import AnswerPiece
from contract.response import Delta
from gateway.pool.http.answer_stream import answer_pieces
from gateway.pool.http.connection import UpstreamError

DONE = b"data: [DONE]\n\n"


def event(value: Any) -> bytes:
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def said(text: str | None, reason: str | None = None, **fields: Any) -> bytes:
    return event({"choices": [{"delta": {"content": text, **fields}, "finish_reason": reason}]})


async def pieces(*events: bytes, **sampling: Any) -> list[AnswerPiece]:
    async def body() -> AsyncIterator[bytes]:
        for each in events:
            yield each

    asked = CompletionRequest((Turn("user", "?"),), None, Sampling(**sampling))
    return [piece async for piece in answer_pieces(body(), asked)]


@pytest.mark.parametrize("text", ["a \ud83d b", "\ude00"])
async def test_half_a_character_is_no_text(text: str) -> None:
    with pytest.raises(UpstreamError) as caught:
        await pieces(said(text), said("", "stop"), DONE)
    assert caught.value.kind == "garbage"


async def test_half_a_character_is_no_token() -> None:
    token = {"token": "\ud83d", "bytes": None, "logprob": -0.5}
    choice = {"delta": {"content": "a"}, "finish_reason": "stop", "logprobs": {"content": [token]}}
    with pytest.raises(UpstreamError):
        await pieces(event({"choices": [choice]}), DONE, logprobs=True)


COUNTED = event({"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2}})


@pytest.mark.parametrize("reason", ["stop", "length"])
async def test_thoughts_without_an_answer_are_none(reason: str) -> None:
    with pytest.raises(UpstreamError) as caught:
        await pieces(said(None, reasoning_content="hm"), said("", reason), COUNTED, DONE)
    assert caught.value.kind == "empty"


async def test_an_answer_that_is_stopped_or_filtered_at_once_may_be_empty() -> None:
    assert await pieces(said("", "stop"), COUNTED, DONE, stop=(".",))
    assert await pieces(said("", "content_filter"), DONE)
