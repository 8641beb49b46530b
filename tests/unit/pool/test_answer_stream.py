"""gateway/pool/http/answer_stream.py: what other servers send for an answer."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from contract.completion import CompletionRequest, Sampling, Turn
from contract.render import AnswerPiece
from contract.response import Delta, Finished, Usage
from gateway.pool.http.answer_stream import answer_pieces
from gateway.pool.http.connection import UpstreamError

DONE = b"data: [DONE]\n\n"


def event(value: Any) -> bytes:
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def said(text: str | None, reason: str | None = None, **fields: Any) -> bytes:
    return event({"choices": [{"delta": {"content": text, **fields}, "finish_reason": reason}]})


ENDED = said("", "stop")
COUNTED = event({"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2}})


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


@pytest.mark.parametrize("reason", ["stop", "length"])
async def test_thoughts_without_an_answer_are_none(reason: str) -> None:
    with pytest.raises(UpstreamError) as caught:
        await pieces(said(None, reasoning_content="hm"), said("", reason), COUNTED, DONE)
    assert caught.value.kind == "empty"


async def test_an_answer_that_is_stopped_or_filtered_at_once_may_be_empty() -> None:
    assert await pieces(said("", "stop"), COUNTED, DONE, stop=(".",))
    assert await pieces(said("", "content_filter"), DONE)


@pytest.mark.parametrize(
    ("end", "usage"),
    [
        ([ENDED, event({"usage": {"prompt_tokens": 3, "completion_tokens": 2}})], Usage(3, 2)),
        ([ENDED, event({"choices": None, "usage": {"prompt_tokens": 3}})], Usage(3)),
        ([ENDED, event({"choices": [], "usage": {"completion_tokens": None}})], Usage()),
        ([event({"choices": [{"delta": None, "finish_reason": "stop"}]})], Usage()),
        ([event({"choices": [{"finish_reason": "stop"}]})], Usage()),
    ],
)
@pytest.mark.parametrize("done", [DONE, b"data: [DONE]\n", b"data: [DONE]", b"data:[DONE]\r"])
async def test_what_is_finished_stays_whatever_its_server_counts(
    end: list[bytes], usage: Usage, done: bytes
) -> None:
    assert await pieces(said("皮"), *end, done) == [Delta("皮"), Finished("stop", usage)]


@pytest.mark.parametrize("end", [b"", b"data: [DO", b"data: {}\ndata: [DONE]"])
async def test_what_breaks_off_is_not_finished(end: bytes) -> None:
    with pytest.raises(UpstreamError):
        await pieces(said("皮"), ENDED, end)


async def test_without_a_reason_nobody_knows_whether_it_is_finished() -> None:
    with pytest.raises(UpstreamError):
        await pieces(said("皮"), COUNTED, DONE)


LARGE = int("1" + "0" * 400)


@pytest.mark.parametrize(
    "token", [{"bytes": 300_000_000}, {"bytes": 10**15}, {"bytes": "hi"}, {"logprob": -LARGE}]
)
async def test_what_is_no_token_is_garbage_and_takes_no_memory(token: dict[str, Any]) -> None:
    listed = {"token": "hi", "bytes": [104, 105], "logprob": -0.5, **token}
    choice = {
        "delta": {"content": "hi"},
        "finish_reason": "stop",
        "logprobs": {"content": [listed]},
    }
    with pytest.raises(UpstreamError) as caught:
        await pieces(event({"choices": [choice]}), DONE, logprobs=True)
    assert caught.value.kind == "garbage"


@pytest.mark.parametrize("count", [float("inf"), LARGE])
async def test_a_count_that_no_number_holds_is_garbage(count: float) -> None:
    with pytest.raises(UpstreamError) as caught:
        await pieces(said("hi", "stop"), event({"choices": [], "usage": {"prompt_tokens": count}}))
    assert caught.value.kind == "garbage"
