"""The model computes NaN: that is no answer, and it spoils nobody else's."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch

from contract.errors import ReplicaFailed
from inference.batching.engine import Engine
from inference.batching.job import Job
from inference.model.model import Model
from inference.telemetry import Metrics
from tests.engine.asks import Result, answered, ask, background, engine, mixed, reference


@contextmanager
def spoiled_tower(model: Model) -> Iterator[None]:
    """Every photo becomes NaN, as where 16 bits do not hold the tower's numbers."""
    bias = model._module.model.visual.patch_embed.proj.bias
    kept = bias.detach().clone()
    with torch.no_grad():
        bias.fill_(torch.nan)
    try:
        yield
    finally:
        with torch.no_grad():
            bias.copy_(kept)


async def test_what_is_no_number_fails_alone_and_leaves_nothing_behind(
    model: Model, expected: list[Result]
) -> None:
    asks = mixed(model, 24)
    with engine(model, prefill_tokens=17) as running:
        with spoiled_tower(model):
            results = await asyncio.gather(*(answered(running, model, a) for a in asks))
        photos = 0
        for asked, result, wanted in zip(asks, results, expected[:24], strict=True):
            assert result == (ReplicaFailed if asked.prompt.photos else wanted)
            photos += bool(asked.prompt.photos)
        assert photos > 10
        assert running._metrics.not_finite._value.get() == photos
        assert len(model.network.vision._entries) == 0, "their features are not kept"
        # In the slots of those that failed, and about the same photos.
        results = await asyncio.gather(*(answered(running, model, a) for a in asks))
    assert results == expected[:24]


async def test_a_warm_question_fails_as_a_greedy_one(model: Model) -> None:
    """Drawing by weights that are NaN raises an error of its own, which names nothing."""
    warm = ask(model, "what?", 1, temperature=1.0, seed=1, max_tokens=3)
    with spoiled_tower(model), engine(model) as running:
        assert await answered(running, model, warm) is ReplicaFailed


async def test_a_row_that_leaves_before_it_was_found_out_spoils_no_slot(model: Model) -> None:
    """It has read a part of its prompt. Nobody has looked whether that came to numbers."""
    # The first is so short that what the other reads reaches beyond it, into what was left there.
    asks = [ask(model, "hi", max_tokens=20), ask(model, "words " * 60, max_tokens=20)]
    wanted = await reference(model, asks)
    leaver = ask(model, "words " * 60, 1, max_tokens=3)
    running = Engine(model, Metrics(), queue_limit=10, prefill_tokens=64)
    with spoiled_tower(model):  # step by step, so that it leaves at a certain one
        job = Job(leaver.prompt, leaver.sampling, time.monotonic() + 60)
        async with background(anext(running.answer(job))):
            await asyncio.sleep(0)
            while not any(row.cached_tokens > 64 for row in running._rows):
                running.step()  # the first ones look at the photo
        await asyncio.sleep(0)
        running.step()
        assert not running._rows
    running.start()
    try:
        results = await asyncio.gather(*(answered(running, model, a) for a in asks))
    finally:
        running.stop()
    assert results == wanted


@pytest.mark.parametrize("number", [torch.nan, torch.inf])
async def test_weights_that_are_no_numbers_make_no_answer(model: Model, number: float) -> None:
    norm = model._module.model.language_model.norm.weight
    kept = norm.detach().clone()
    with torch.no_grad():
        norm.fill_(number)
    try:
        with engine(model) as running:
            assert await answered(running, model, ask(model, "what?")) is ReplicaFailed
    finally:
        with torch.no_grad():
            norm.copy_(kept)
