"""The device runs out of memory outside of a pass, where nothing can be done again row by row: all
answers go on where they were."""

import asyncio
import itertools
from collections.abc import Callable

import pytest
import torch

from contract.completion import Sampling
from contract.errors import Overloaded
from inference.model.choosing.sampler import Sampler
from inference.model.model import Model
from inference.model.tensors import OutOfMemory
from tests.engine.asks import Result, answered, ask, engine, mixed
from tests.engine.conftest import Failing


def every(count: int, least: int = 0) -> Callable[[], Exception | None]:
    """Fails whenever it was called so many times more."""
    calls = itertools.count(1)

    def fails() -> Exception | None:
        call = next(calls)
        return OutOfMemory() if call > least and call % count == 0 else None

    return fails


async def test_a_prompt_that_cannot_be_kept_costs_nobody_an_answer(
    model: Model, failing: Failing, expected: list[Result]
) -> None:
    failing.copying_fails = OutOfMemory
    with engine(model) as running:
        asks = (answered(running, model, each) for each in mixed(model, 16))
        assert await asyncio.gather(*asks) == expected[:16]
        assert running._passes.slots == model.network.cache.slots, "no row was in the way"
    assert model.network.prefixes.bytes == 0


async def test_rows_that_cannot_be_moved_are_read_anew(
    model: Model, failing: Failing, expected: list[Result]
) -> None:
    failing.moving_fails = every(3)
    with engine(model) as running:
        asks = (answered(running, model, each) for each in mixed(model, 24))
        assert await asyncio.gather(*asks) == expected[:24]
    assert failing.moving_fails() is None


async def test_a_prompt_that_is_read_anew_is_counted_once(model: Model, failing: Failing) -> None:
    failing.moving_fails = every(3)
    asks = mixed(model, 24)
    with engine(model) as running:
        await asyncio.gather(*(answered(running, model, each) for each in asks))
        metrics = running._metrics
        read = {
            kind: metrics._tokens.labels(kind)._value.get()
            for kind in ("prompt", "completion", "again")
        }
        known = metrics.known_tokens._value.get()
    assert read["prompt"] + known == sum(len(asked.prompt.ids) for asked in asks)
    assert read["again"] > 0


async def test_a_penalty_without_memory_for_a_token_more_draws_the_same_token_again(
    model: Model, expected: list[Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    accept, fails = Sampler.accept, every(7)

    def now_and_then(sampler: Sampler, token_id: int) -> None:
        if (error := fails()) is not None:
            raise error
        accept(sampler, token_id)

    monkeypatch.setattr(Sampler, "accept", now_and_then)
    with engine(model) as running:
        asks = (answered(running, model, each) for each in mixed(model, 16))
        assert await asyncio.gather(*asks) == expected[:16]


async def test_memory_that_never_comes_back_ends_questions_but_not_the_engine(
    model: Model, failing: Failing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inference.batching.engine.FAILED_STEP_PAUSE_S", 0)
    asked = ask(model, "what?", max_tokens=3)
    with engine(model) as running, monkeypatch.context() as broken:
        broken.setattr(running._rows, "begin_decode", _without_memory)
        assert await answered(running, model, asked) is Overloaded
        broken.undo()
        assert isinstance(await answered(running, model, asked), tuple)


def _without_memory(*_: object) -> None:
    raise OutOfMemory


def test_a_token_is_drawn_once_until_it_is_accepted() -> None:
    logits = torch.zeros(1, 1000)
    once = Sampler(Sampling(temperature=1.0, seed=3), [1], None)
    again = Sampler(Sampling(temperature=1.0, seed=3), [1], None)
    drawn = []
    for _ in range(5):
        drawn.append(once.sample(logits).item())
        once.accept(int(drawn[-1]))
        assert [again.sample(logits).item() for _ in range(3)] == drawn[-1:] * 3
        again.accept(int(drawn[-1]))
    assert len(set(drawn)) > 1
