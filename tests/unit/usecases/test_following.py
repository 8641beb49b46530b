"""Who follows another's computation, and what of its leader's fate is not its own."""

import asyncio
import time
from collections.abc import AsyncGenerator
from types import SimpleNamespace
from typing import Any

import pytest

from contract.errors import (
    DeadlineExceeded,
    ImageNotFound,
    Overloaded,
    ReplicaFailed,
    ShopsightError,
)
from contract.render import AnswerPiece
from contract.response import Delta, Finished
from gateway.cache.computation import Computation
from gateway.cache.flights import Flight, Flights
from gateway.errors import RateLimited
from gateway.images.remote.errors import ImageUrlChanged
from gateway.usecases.answer import Answering

WHOLE = [Delta("荔枝"), Finished("stop")]


class Asked(Answering):
    """All ask one question. Whoever leads waits for `go`, and ends as `fates` has it for its name:
    with an error, or with WHOLE."""

    def __init__(self, fates: dict[str, ShopsightError]) -> None:
        async def photo_passed(*told: object) -> None: ...

        screening: Any = SimpleNamespace(photo_passed=photo_passed)
        unused: dict[str, Any] = dict.fromkeys(
            [
                "questions",
                "quarantine",
                "answers",
                "leases",
                "pool",
                "showing",
                "recorder",
                "limits",
            ]
        )
        super().__init__(flights=Flights(), screening=screening, deadline_ms=60_000, **unused)
        self.fates = fates
        self.led: list[str] = []
        self.go = asyncio.Event()

    def _join_or_lead(self, question: Any, *told: Any, **options: Any) -> tuple[Flight, bool]:
        return self.flights.join_or_lead("same", lambda: Computation(lambda: self._lead(question)))

    async def _lead(self, name: str) -> AsyncGenerator[AnswerPiece]:
        self.led.append(name)
        await self.go.wait()
        if name in self.fates:
            raise self.fates[name]
        for piece in WHOLE:
            yield piece

    async def ask(self, *names: str) -> list[list[AnswerPiece] | BaseException]:
        tasks = [asyncio.create_task(self._pieces(name)) for name in names]
        await asyncio.sleep(0)  # all have come, in this order
        self.go.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    async def _pieces(self, name: Any) -> list[AnswerPiece]:
        asker: Any = SimpleNamespace(started=time.monotonic(), first_piece=lambda _: None)
        return [piece async for piece in self._computed(name, name, asker)]


@pytest.mark.parametrize(
    "error", [DeadlineExceeded(), Overloaded(), RateLimited(), ImageNotFound(), ImageUrlChanged()]
)
async def test_what_a_leader_alone_has_met_is_not_its_followers(error: ShopsightError) -> None:
    asked = Asked({"a": error})
    assert await asked.ask("a", "b", "c") == [error, WHOLE, WHOLE]
    assert asked.led == ["a", "b"], "the others follow the next"


async def test_each_leads_once_at_most() -> None:
    fates: dict[str, ShopsightError] = {name: Overloaded() for name in "abc"}
    asked = Asked(fates)
    assert await asked.ask(*"abc") == list(fates.values())
    assert asked.led == ["a", "b", "c"]


async def test_a_failure_of_the_model_is_everybody_s() -> None:
    error = ReplicaFailed()
    asked = Asked({"a": error})
    assert await asked.ask("a", "b", "c") == [error] * 3
    assert asked.led == ["a"]
