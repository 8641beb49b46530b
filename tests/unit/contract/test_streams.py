"""contract/sse.py and contract/render.py: an answer as bytes, and back."""

import json
from collections.abc import AsyncGenerator, AsyncIterator

import pytest

from contract import render, sse
from contract.completion import CompletionRequest, Turn
from contract.errors import InternalError, ReplicaFailed
from contract.render import AnswerPiece
from contract.response import AnswerFrame, Delta, Finished, Usage

FRAME = AnswerFrame("chatcmpl-1", "shopsight", "r1")
ASKED = CompletionRequest((Turn("user", "?"),), None, include_usage=True)
PIECES: list[AnswerPiece] = [Delta("荔枝纹"), Delta("皮\n"), Finished("stop", Usage(3, 2))]


async def events(
    *items: AnswerPiece | Exception, closed: list[bool] | None = None
) -> AsyncGenerator[AnswerPiece]:
    try:
        for item in items:
            if isinstance(item, Exception):
                raise item
            yield item
    finally:
        if closed is not None:
            closed.append(True)


async def chunked(data: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


async def streamed(*items: AnswerPiece | Exception) -> bytes:
    return b"".join([part async for part in render.stream(events(*items), FRAME, ASKED, "zh")])


@pytest.mark.parametrize("size", [1, 2, 3, 7, 10_000])
async def test_a_stream_is_read_however_it_is_cut(size: int) -> None:
    data = await streamed(*PIECES)
    payloads = [json.loads(item) async for item in sse.payloads(chunked(data, size))]
    texts = [c["delta"].get("content", "") for p in payloads for c in p["choices"]]
    assert "".join(texts) == "荔枝纹皮\n"
    assert payloads[-2]["choices"][0]["finish_reason"] == "stop"
    assert payloads[-1]["usage"]["total_tokens"] == 5


async def test_crlf_and_comments_are_understood() -> None:
    data = b': hello\r\ndata: {"a":1}\r\n\r\nevent: x\ndata:{"b":2}\n\ndata: [DONE]\n\n'
    assert [item async for item in sse.payloads(chunked(data, 5))] == ['{"a":1}', '{"b":2}']


async def test_a_stream_without_its_end_is_an_error() -> None:
    data = (await streamed(*PIECES)).removesuffix(sse.DONE)
    with pytest.raises(EOFError):
        [item async for item in sse.payloads(chunked(data, 64))]


async def test_the_joined_stream_equals_the_whole_answer() -> None:
    whole = await render.whole(events(*PIECES), FRAME, ASKED)
    assert whole["choices"][0]["message"]["content"] == "荔枝纹皮\n"


async def test_a_failure_in_mid_stream_is_an_event_and_no_done_follows() -> None:
    data = await streamed(Delta("荔"), ReplicaFailed())
    last = json.loads(data.decode().strip().split("\n\n")[-1].removeprefix("data: "))
    assert last["error"]["code"] == "replica_failed"
    assert last["error"]["message"] == ReplicaFailed.zh
    assert sse.DONE not in data


async def test_an_unforeseen_failure_tells_nothing_of_itself() -> None:
    data = await streamed(Delta("荔"), RuntimeError("password is hunter2"))
    assert b"hunter2" not in data
    assert b"internal_error" in data


async def test_an_answer_without_its_end_is_never_given_out_whole() -> None:
    with pytest.raises(InternalError):
        await render.whole(events(Delta("荔")), FRAME, ASKED)


async def test_leaving_a_stream_closes_its_source() -> None:
    closed: list[bool] = []
    stream = render.stream(events(*PIECES, closed=closed), FRAME, ASKED, "en")
    await anext(stream)
    await anext(stream)
    await stream.aclose()
    assert closed == [True]


async def test_an_error_before_the_first_event_is_raised_at_once() -> None:
    with pytest.raises(ReplicaFailed):
        await render.primed(events(ReplicaFailed()))
