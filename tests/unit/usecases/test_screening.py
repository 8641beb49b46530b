"""Long texts are read beside the event loop."""

import asyncio
import threading
from types import SimpleNamespace
from typing import Any, cast

from gateway.moderation.photos.policy import PhotoPolicy
from gateway.moderation.policies import TextPolicies
from gateway.moderation.verdict import NOTHING, Verdict
from gateway.usecases.screening import SHORT_CHARS, Screening


class Reader:
    """Reads a long text until somebody else has had a turn."""

    def __init__(self) -> None:
        self.others_turn = threading.Event()

    def judge(self, texts: list[str], tenant: str) -> Verdict:
        if sum(map(len, texts)) > SHORT_CHARS:
            assert self.others_turn.wait(10), "nobody else had a turn"
        return NOTHING


async def test_nobody_waits_for_a_long_text() -> None:
    reader = Reader()
    policies: Any = SimpleNamespace(current=reader)
    screening = Screening(cast(TextPolicies, policies), PhotoPolicy(frozenset()))
    long = asyncio.create_task(screening.judge(["x" * SHORT_CHARS, "x"], "shop"))
    await asyncio.sleep(0)
    await screening.judge(["short"], "shop")
    reader.others_turn.set()
    assert await long == NOTHING
