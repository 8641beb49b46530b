"""contract/sse.py and contract/render.py: an answer as bytes, and back."""

import asyncio
import gc
import json
import weakref
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from pydantic import ValidationError
from starlette.types import Message

from contract import render, sse
from contract.completion import CompletionRequest, Turn
from contract.errors import ContextLengthExceeded, InternalError, ReplicaFailed
from contract.http import EventStream
from contract.render import AnswerPiece
from contract.response import (
    AnswerFrame,
    Delta,
    Finished,
    TokenLogprob,
    Usage,
    fingerprint,
)
from gateway.config import Settings
from gateway.log.outbox.delivery import LONGEST_REQUEST_S

FRAME = AnswerFrame("chatcmpl-1", "shopsight", "r1", counts_tokens=True)
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


async def streamed(*items: AnswerPiece | Exception, frame: AnswerFrame = FRAME) -> bytes:
    return b"".join([part async for part in render.stream(events(*items), frame, ASKED, "zh")])


async def objects(frame: AnswerFrame = FRAME) -> list[dict[str, Any]]:
    data = await streamed(*PIECES, frame=frame)
    return [json.loads(item) async for item in sse.payloads(chunked(data, 10_000))]


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


async def test_all_chunks_of_a_stream_are_of_one_moment_and_one_model() -> None:
    frame = AnswerFrame("chatcmpl-1", "shopsight", "r1", created=1763800000)
    for name in ("id", "created", "model", "model_revision", "system_fingerprint"):
        assert len({chunk[name] for chunk in await objects(frame)}) == 1
    assert {chunk["created"] for chunk in await objects(frame)} == {1763800000}


async def test_usage_is_null_until_the_end_where_it_is_asked_for_and_absent_elsewhere() -> None:
    *chunks, last = await objects()
    assert all(chunk["usage"] is None for chunk in chunks)
    assert last["usage"] == {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    assert last["choices"] == []
    plain = AnswerFrame("chatcmpl-1", "shopsight", "r1")
    assert all("usage" not in chunk for chunk in await objects(plain))


def test_the_fingerprint_is_the_revision_s() -> None:
    assert fingerprint("r1") == fingerprint("r1") != fingerprint("r2")
    assert fingerprint("模型/8B").startswith("fp_")
    assert FRAME.whole(Delta("a"), Finished("stop"))["system_fingerprint"] == fingerprint("r1")


async def test_an_answer_has_all_that_the_official_client_knows_of() -> None:
    answer = Delta("皮", (TokenLogprob("皮".encode(), -0.5),))
    whole = ChatCompletion.model_validate(FRAME.whole(answer, Finished("stop")))
    choice = whole.choices[0]
    assert "refusal" in choice.message.model_fields_set
    assert choice.message.refusal is None
    assert choice.logprobs is not None
    assert choice.logprobs.content is not None
    assert choice.logprobs.content[0].token == "皮"
    for chunk in await objects():
        ChatCompletionChunk.model_validate(chunk, strict=True)


async def test_a_failure_in_mid_stream_is_an_event_and_no_done_follows() -> None:
    data = await streamed(Delta("荔"), ReplicaFailed())
    last = json.loads(data.decode().strip().split("\n\n")[-1].removeprefix("data: "))
    assert last["error"]["code"] == "replica_failed"
    assert last["error"]["message"] == ReplicaFailed.zh
    assert sse.DONE not in data


async def test_a_failure_in_mid_stream_names_the_asker_s_own_field() -> None:
    asked = CompletionRequest((Turn("user", "?"),), None, question_field="prompt")
    source = events(Delta("荔"), ContextLengthExceeded("messages"))
    data = [part async for part in render.stream(source, FRAME, asked, "en")]
    assert json.loads(data[-1].removeprefix(b"data: "))["error"]["param"] == "prompt"


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


async def test_a_reader_who_takes_it_slowly_is_cut_off_and_the_answer_is_closed() -> None:
    closed: list[bool] = []
    sent: list[Message] = []

    async def body() -> AsyncGenerator[bytes]:
        try:
            for number in range(9):
                yield b"data: %d" % number
        finally:
            closed.append(True)

    async def send(message: Message) -> None:
        sent.append(message)
        if len(sent) == 2:
            await asyncio.Event().wait()

    stream = EventStream(body(), {})
    stream.longest_s = 0.01
    await stream.stream_response(send)
    assert closed == [True]
    assert [message.get("more_body") for message in sent] == [None, True], "no last byte"


class Photo:
    """What a question holds while it is answered."""


async def test_who_leaves_a_stream_leaves_no_photo_behind() -> None:
    """Without a collection of garbage: that comes late."""
    held: list[weakref.ref[Photo]] = []
    streaming = asyncio.Event()

    async def body() -> AsyncGenerator[bytes]:
        photo = Photo()
        held.append(weakref.ref(photo))
        yield b"data: 1"
        streaming.set()
        await asyncio.Event().wait()

    async def receive() -> Message:
        await streaming.wait()
        return {"type": "http.disconnect"}

    async def send(_: Message) -> None: ...

    gc.disable()
    try:
        await EventStream(body(), {})({"type": "http"}, receive, send)
        assert held[0]() is None
    finally:
        gc.enable()


async def test_a_stream_s_own_failure_is_not_taken_for_a_slow_reader() -> None:
    async def body() -> AsyncGenerator[bytes]:
        yield b"data: 1"
        raise TimeoutError

    async def send(_: Message) -> None: ...

    with pytest.raises(TimeoutError):
        await EventStream(body(), {}).stream_response(send)


def test_the_log_waits_for_the_slowest_reader() -> None:
    """Else an erasure misses a row whose answer was still on its way."""
    longest = Settings(deadline_ms=110_000, _env_file=None)  # type: ignore[call-arg]
    assert longest.deadline_ms / 1000 + EventStream.longest_s < LONGEST_REQUEST_S
    with pytest.raises(ValidationError):
        Settings(deadline_ms=110_001, _env_file=None)  # type: ignore[call-arg]
