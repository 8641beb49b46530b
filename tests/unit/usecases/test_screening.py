"""Long texts are read beside the event loop."""

import asyncio
import threading
import time
from types import SimpleNamespace
from typing import Any, cast

import pytest

from contract.errors import DeadlineExceeded, Overloaded
from contract.response import Delta
from gateway.moderation.photos.policy import PhotoPolicy
from gateway.moderation.policies import TextPolicies
from gateway.moderation.stream import StreamScreen
from gateway.moderation.verdict import NOTHING, Verdict
from gateway.usecases.screening import MOST_CHARS_WAITING, SHORT_CHARS, Screening


class Reader:
    """Reads a long text until somebody else has had a turn."""

    def __init__(self) -> None:
        self.others_turn = threading.Event()

    def judge(self, texts: list[str], tenant: str) -> Verdict:
        if sum(map(len, texts)) > SHORT_CHARS:
            assert self.others_turn.wait(10), "nobody else had a turn"
        return NOTHING


class Answer:
    """One that has ended, and is long."""

    chars = SHORT_CHARS + 1

    def flush(self) -> Delta:
        return Delta("the rest")


def screening_by(reader: Reader) -> Screening:
    policies: Any = SimpleNamespace(current=reader)
    return Screening(cast(TextPolicies, policies), PhotoPolicy(frozenset()))


async def test_nobody_waits_for_a_long_text() -> None:
    reader = Reader()
    screening = screening_by(reader)
    long = asyncio.create_task(screening.judge(["x" * SHORT_CHARS, "x"], "shop"))
    await asyncio.sleep(0)
    await screening.judge(["short"], "shop")
    reader.others_turn.set()
    assert await long == NOTHING


async def test_the_end_of_an_answer_waits_for_no_question() -> None:
    reader = Reader()
    screening = screening_by(reader)
    long = asyncio.create_task(screening.judge(["x" * MOST_CHARS_WAITING], "shop"))
    await asyncio.sleep(0)
    screen = cast(StreamScreen, Answer())
    assert await screening.rest(screen, time.monotonic() + 5) == Delta("the rest")
    reader.others_turn.set()
    await long


async def test_more_long_texts_than_are_soon_read_are_refused() -> None:
    reader = Reader()
    screening = screening_by(reader)
    text = "x" * (MOST_CHARS_WAITING // 10)
    under_way = [asyncio.create_task(screening.judge([text], "shop")) for _ in range(10)]
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        await screening.judge([text], "shop", time.monotonic() + 1)
    assert await screening.judge(["short"], "shop") == NOTHING
    reader.others_turn.set()
    assert await asyncio.gather(*under_way) == [NOTHING] * 10
    longest = "x" * (2 * MOST_CHARS_WAITING)
    assert await screening.judge([longest], "shop") == NOTHING, "alone"


async def test_nobody_waits_for_the_thread_past_the_deadline() -> None:
    reader = Reader()
    screening = screening_by(reader)
    text = "x" * (SHORT_CHARS + 1)
    first = asyncio.create_task(screening.judge([text], "shop"))
    await asyncio.sleep(0)
    for _ in range(2):  # who has left takes no room
        with pytest.raises(DeadlineExceeded):
            await screening.judge([text], "shop", time.monotonic() + 0.05)
    reader.others_turn.set()
    assert await first == NOTHING
