"""The device fails for good: nobody waits in vain, and the replica says so and ends."""

import asyncio
import itertools
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from contract.errors import DeadlineExceeded, InternalError, NoReplica
from inference.batching.job import Job
from inference.batching.watch import watch
from inference.model.model import Model
from inference.model.network import RowInput
from inference.model.tensors import OutOfMemory
from tests.engine.asks import SLOTS, Result, answered, ask, background, engine, mixed
from tests.engine.conftest import Failing

# Everybody has been told within this, whatever they waited for.
AT_ONCE_S = 1.0


def at_the(count: int, error: Callable[[], Exception]) -> Callable[..., Exception | None]:
    """Fails when it is called for the `count`th time."""
    calls = itertools.count(1)
    return lambda *_: error() if next(calls) == count else None


def in_a_pass(failing: Failing) -> None:
    failing.fails = at_the(6, failing.device_error)


def in_moving_rows(failing: Failing) -> None:
    failing.moving_fails = at_the(1, failing.device_error)


def in_getting_memory_back(failing: Failing) -> None:
    def out_of_memory_on_a_lost_device() -> Exception:
        failing.lost = True
        return OutOfMemory()

    failing.fails = at_the(6, out_of_memory_on_a_lost_device)


def in_making_room(failing: Failing) -> None:
    """The newest row has to wait again, and the last one cannot move into its place."""
    full = False

    def fails(rows: Sequence[RowInput]) -> Exception | None:
        nonlocal full
        full = full or len(rows) == SLOTS
        # The first of all has ended, so the newest was moved to its place.
        if not full or len(rows) != SLOTS - 1 or any(len(row.ids) > 1 for row in rows):
            return None
        failing.moving_fails = failing.device_error
        return OutOfMemory()

    failing.fails = fails


@pytest.mark.parametrize(
    "fails", [in_a_pass, in_moving_rows, in_getting_memory_back, in_making_room]
)
async def test_a_lost_device_ends_every_question_and_then_the_process(
    model: Model, failing: Failing, fails: Callable[[Failing], None]
) -> None:
    # Of different lengths, so that rows move; more than there are slots, so that some wait.
    asks = [ask(model, f"question {n}", max_tokens=5 + 3 * n) for n in range(2 * SLOTS)]
    fails(failing)
    ended = asyncio.Event()
    with engine(model) as running:
        async with background(watch(running, 60, ended.set)):
            tasks = [asyncio.create_task(answered(running, model, a)) for a in asks]
            while not failing.lost:  # noqa: ASYNC110 - nothing tells
                await asyncio.sleep(0.001)
            async with asyncio.timeout(AT_ONCE_S):
                results = await asyncio.gather(*tasks)
                await ended.wait()
        assert running.has_failed
        assert NoReplica in results
        assert all(isinstance(r, tuple) or r is NoReplica for r in results)
        assert await answered(running, model, asks[0]) is NoReplica
        assert sum(outcomes(running).values()) == len(asks) + 1, "each ends once"


def outcomes(running: Any) -> dict[str, float]:
    return {
        sample.labels["outcome"]: sample.value
        for metric in running._metrics.requests.collect()
        for sample in metric.samples
        if sample.name.endswith("_total")
    }


async def test_a_step_that_fails_empties_the_cache_in_place(
    model: Model, expected: list[Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second cache beside the first one would not fit: of an 8B model it has gigabytes."""
    asks = mixed(model, 4)
    cache = model.network.cache
    keys = cache.states.data_ptr()
    with engine(model) as running:
        record_pass = running._metrics.record_pass
        fail = at_the(3, lambda: ZeroDivisionError())

        def failing_once(*args: Any) -> None:
            record_pass(*args)
            error = fail()
            if error is not None:
                raise error

        monkeypatch.setattr(running._metrics, "record_pass", failing_once)
        results = await asyncio.gather(*(answered(running, model, a) for a in asks))
        assert InternalError in results
        assert await asyncio.gather(*(answered(running, model, a) for a in asks)) == expected[:4]
    assert model.network.cache is cache
    assert cache.states.data_ptr() == keys


async def test_steps_that_fail_again_and_again_end_the_engine(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    with engine(model) as running:
        monkeypatch.setattr(running._waiting, "admit", lambda passes: 1 / 0)
        async with asyncio.timeout(2 * AT_ONCE_S):
            assert await answered(running, model, ask(model, "what?")) is NoReplica
    assert running.has_failed


async def test_a_hanging_device_neither_holds_deadlines_up_nor_the_end(
    model: Model, failing: Failing
) -> None:
    released = threading.Event()
    hangs = threading.Event()

    def hang(*_: Any) -> None:
        hangs.set()
        released.wait(30)

    failing.fails = hang
    ended = asyncio.Event()
    asked = ask(model, "what?")
    patient = ask(model, "who?")
    with engine(model) as running:
        try:
            began = time.monotonic()
            waiting = asyncio.create_task(answered(running, model, patient))
            job = Job(asked.prompt, asked.sampling, began + 0.3)
            with pytest.raises(DeadlineExceeded):
                async for _ in running.answer(job):
                    pass
            assert 0.3 <= time.monotonic() - began < 0.3 + AT_ONCE_S / 2
            assert hangs.is_set()
            assert not running.has_failed
            async with asyncio.timeout(AT_ONCE_S), background(watch(running, 0.3, ended.set)):
                await ended.wait()
                assert await waiting is NoReplica
            assert running.has_failed
        finally:
            released.set()
