"""The batch lane in a running engine: what it may take, and that giving it back loses nothing."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from typing import Any

import pytest

from contract.errors import DeadlineExceeded, NoReplica, Overloaded
from inference.batching import admission
from inference.batching.engine import Engine
from inference.batching.job import Job
from inference.batching.lane import BatchLaneFull, LaneLimits
from inference.batching.rows import Step
from inference.batching.sequence import Sequence
from inference.model.model import Model
from inference.model.tensors import OutOfMemory
from inference.telemetry import Metrics
from tests.engine.asks import SLOTS, Ask, Result, answered, ask, engine, mixed

GREEDY = LaneLimits(queue_limit=100, reserved_slots=0)
"""A lane that takes all slots."""


def batch(asked: Ask, **changes: Any) -> Ask:
    return replace(asked, priority="batch", **changes)


def line(model: Model, question: str, photo: int | None = None, **sampling: Any) -> Ask:
    return batch(ask(model, question, photo, **{"max_tokens": 4, **sampling}))


def asking(running: Engine, model: Model, asks: list[Ask]) -> list[asyncio.Task[Result]]:
    return [asyncio.create_task(answered(running, model, asked)) for asked in asks]


@asynccontextmanager
async def crowd(running: Engine, model: Model, number: int) -> AsyncIterator[None]:
    """So many shoppers, each of whom asks again as soon as the answer is there."""
    ended = asyncio.Event()

    async def shopper() -> None:
        while not ended.is_set():
            await answered(running, model, ask(model, "?", max_tokens=30))

    async with asyncio.TaskGroup() as shoppers:
        for _ in range(number):
            shoppers.create_task(shopper())
        yield
        ended.set()


async def until(condition: Callable[[], Any], what: str) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.002)
    assert condition(), what


def preemptions(running: Engine, reason: str = "shopper") -> float:
    return float(running._metrics.preemptions.labels(reason)._value.get())


@contextmanager
def recorded(owner: Any, name: str, note: Callable[..., None]) -> Iterator[None]:
    """Calls `note` before each call of the method."""
    method = getattr(owner, name)

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        note(*args, **kwargs)
        return method(*args, **kwargs)

    setattr(owner, name, wrapper)
    try:
        yield
    finally:
        delattr(owner, name)


async def test_the_lane_leaves_slots_for_shoppers(model: Model) -> None:
    limits = LaneLimits(queue_limit=100, reserved_slots=2)
    used: list[int] = []
    with engine(model, lane=limits) as running:
        note = recorded(running._passes, "run", lambda _: used.append(len(running._rows)))
        with note:
            lines = asking(running, model, [line(model, f"{n}", max_tokens=60) for n in range(9)])
            await until(lambda: len(running._rows.decoding) == SLOTS - 2, "the lane is in flight")
            shoppers = asking(running, model, [ask(model, f"{n}?", max_tokens=3) for n in range(2)])
            await asyncio.gather(*shoppers)
            assert not any(task.done() for task in lines[SLOTS:])
            await asyncio.gather(*lines)
        assert SLOTS - 2 <= max(used) <= SLOTS
        assert preemptions(running) == 0


async def test_a_preempted_answer_is_that_of_an_undisturbed_one(
    model: Model, expected: list[Result]
) -> None:
    """Seven waves of shoppers, each of which takes every slot that the lane has."""
    lines = [batch(asked) for asked in mixed(model, 24)]
    begun = 0

    def note(row: Sequence, reason: str) -> None:
        nonlocal begun
        begun += row.answer_tokens > 0

    with engine(model, lane=GREEDY) as running, recorded(running._passes, "preempt", note):
        answers = asking(running, model, lines)
        for wave in range(7):
            await until(lambda: len(running._rows.decoding) > 2, "the lane decodes")
            shoppers = [ask(model, f"{wave} {n}", max_tokens=4) for n in range(SLOTS)]
            results = await asyncio.gather(*asking(running, model, shoppers))
            assert all(isinstance(result, tuple) for result in results)
        assert await asyncio.gather(*answers) == expected[:24]
        assert preemptions(running) >= begun > 10


async def test_the_newest_row_gives_its_slot_and_is_the_first_to_come_back(model: Model) -> None:
    order: list[tuple[str, float]] = []
    with (
        engine(model, lane=GREEDY) as running,
        recorded(running._passes, "preempt", lambda row, _: order.append(("out", row.arrived_at))),
        recorded(running._rows, "add", lambda row: order.append(("in", row.arrived_at))),
    ):
        lines = asking(running, model, [line(model, f"{n}", max_tokens=80) for n in range(7)])
        await until(lambda: len(running._rows.decoding) == SLOTS, "the lane has all slots")
        arrived = [at for _, at in order]
        assert arrived == sorted(arrived)
        order.clear()
        await asyncio.gather(*asking(running, model, [ask(model, f"{n}?") for n in range(2)]))
        assert [at for way, at in order if way == "out"] == [arrived[4], arrived[3]]
        await asyncio.gather(*lines)
        back = [at for way, at in order if way == "in" and at <= arrived[-1]]
        assert back[:2] == [arrived[3], arrived[4]]


async def test_lines_are_taken_by_photo_and_read_it_once(model: Model) -> None:
    """One photo after the other, and of the second and third question about it only the words."""
    lines = [line(model, f"what {n}?", n % 4) for n in range(12)]
    order: list[int] = []
    limits = LaneLimits(reserved_slots=SLOTS - 3, prefill_tokens=32)
    index = {id(asked.prompt): n for n, asked in enumerate(lines)}
    running = Engine(model, Metrics(), queue_limit=9, prefill_tokens=64, lane=limits)
    with recorded(running._rows, "add", lambda row: order.append(index[id(row.job.prompt)])):
        tasks = asking(running, model, lines)
        await until(lambda: running._waiting.lane_waiting == len(lines), "all have come")
        running.start()
        try:
            await asyncio.gather(*tasks)
        finally:
            running.stop()
    assert order == sorted(range(12), key=lambda n: (n % 4, n))
    photos = [photo for asked in lines for photo in asked.prompt.photos]
    assert len(photos) == len(lines)
    known = running._metrics.known_tokens._value.get()
    assert known >= sum(photo.start + photo.tokens for photo in photos[4:])
    lookups = running._metrics.vision_lookups
    assert lookups.labels("miss")._value.get() == 4


async def test_the_lane_drives_no_photo_of_shoppers_out(model: Model) -> None:
    about = ask(model, "what?", 9, max_tokens=2)
    with engine(model) as running:
        await answered(running, model, about)
        for n in range(5):
            await answered(running, model, line(model, "what?", n))
        keys = {*model.network.prefixes._entries}
    assert keys == {"9", "4"}
    assert {*model.network.vision._entries} == {"9", "4"}


async def test_a_full_lane_refuses_without_touching_shoppers_places(model: Model) -> None:
    limits = LaneLimits(queue_limit=3, reserved_slots=SLOTS - 1)
    with engine(model, queue_limit=2, lane=limits) as running:
        lines = asking(running, model, [line(model, "long", max_tokens=300)])
        await until(lambda: len(running._rows) == 1, "one is in flight")
        lines += asking(running, model, [line(model, f"{n}") for n in range(3)])
        await until(lambda: running._waiting.lane_waiting == 3, "the lane is full")
        one = line(model, "late")
        with pytest.raises(BatchLaneFull) as refused:
            await anext(running.answer(Job(one.prompt, one.sampling, 1e12, "batch")))
        assert refused.value.status == 503
        assert 1 <= (refused.value.retry_after_s or 0) <= 60
        shoppers = asking(running, model, [ask(model, f"{n}?", max_tokens=2) for n in range(2)])
        assert all(isinstance(result, tuple) for result in await asyncio.gather(*shoppers))
        await asyncio.gather(*lines)
        outcomes = running._metrics.requests
        assert outcomes.labels("batch_lane_full")._value.get() == 1
        assert outcomes.labels("overloaded")._value.get() == 0


async def test_a_full_queue_of_shoppers_leaves_the_lane_its_places(model: Model) -> None:
    with engine(model, queue_limit=SLOTS) as running:
        shoppers = [ask(model, f"{n}", max_tokens=100) for n in range(2 * SLOTS + 2)]
        tasks = asking(running, model, shoppers[:SLOTS])
        await until(lambda: len(running._rows.decoding) == SLOTS, "all slots are taken")
        tasks += asking(running, model, shoppers[SLOTS:])
        lines = asking(running, model, [line(model, f"{n}") for n in range(5)])
        results = await asyncio.gather(*tasks)
        assert results.count(Overloaded) == 2
        assert all(isinstance(result, tuple) for result in await asyncio.gather(*lines))


@pytest.mark.parametrize("priority", ["interactive", "batch"])
async def test_who_leaves_is_gone_from_either_lane(model: Model, priority: Any) -> None:
    """Half of them wait, half are in flight, all leave: nothing stays, and the next is answered."""
    asks = [
        replace(ask(model, f"{n}", max_tokens=400), priority=priority) for n in range(2 * SLOTS)
    ]
    with engine(model, lane=GREEDY) as running:
        tasks = asking(running, model, asks)
        await until(lambda: len(running._rows) == SLOTS, "all slots are taken")
        for task in tasks:
            task.cancel()
        await until(lambda: not running._is_busy, "all have left")
        assert running._metrics.requests.labels("cancelled")._value.get() == 2 * SLOTS
        last = replace(ask(model, "?", max_tokens=2), priority=priority)
        assert isinstance(await answered(running, model, last), tuple)


@pytest.mark.parametrize("priority", ["interactive", "batch"])
async def test_deadlines_hold_in_either_lane(model: Model, priority: Any) -> None:
    asks = [
        replace(ask(model, f"{n}", max_tokens=1000), priority=priority, deadline_s=0.3)
        for n in range(2 * SLOTS)
    ]
    with engine(model, lane=GREEDY) as running:
        results = await asyncio.gather(*asking(running, model, asks))
        assert results == [DeadlineExceeded] * (2 * SLOTS)
        await until(lambda: not running._is_busy, "nothing stays")
        assert running._metrics.requests.labels("deadline_exceeded")._value.get() == 2 * SLOTS


async def test_a_preempted_row_that_waits_again_keeps_its_deadline(model: Model) -> None:
    with engine(model, lane=GREEDY) as running:
        lines = [line(model, f"{n}", max_tokens=1000) for n in range(SLOTS)]
        tasks = asking(running, model, [replace(each, deadline_s=0.5) for each in lines])
        await until(lambda: len(running._rows.decoding) == SLOTS, "the lane has all slots")
        shoppers = [ask(model, f"{n}", max_tokens=900) for n in range(SLOTS)]
        askers = asking(running, model, shoppers)
        await until(lambda: running._waiting.lane_waiting == SLOTS, "all wait again")
        assert await asyncio.gather(*tasks) == [DeadlineExceeded] * SLOTS
        for asker in askers:
            asker.cancel()
        await asyncio.wait(askers)


async def test_stopping_finishes_what_is_in_flight_in_both_lanes(model: Model) -> None:
    limits = LaneLimits(queue_limit=100, reserved_slots=2)
    running = Engine(model, Metrics(), queue_limit=100, prefill_tokens=512, lane=limits)
    running.start()
    lines = asking(running, model, [line(model, f"{n}", max_tokens=60) for n in range(6)])
    await until(lambda: len(running._rows.decoding) == SLOTS - 2, "the lane is in flight")
    shoppers = asking(running, model, [ask(model, f"{n}?", max_tokens=60) for n in range(2)])
    await until(lambda: running._rows.shoppers_decoding == 2, "shoppers are in flight")
    await asyncio.to_thread(running.stop)
    assert all(isinstance(result, tuple) for result in await asyncio.gather(*shoppers))
    results = await asyncio.gather(*lines)
    assert all(isinstance(result, tuple) for result in results[: SLOTS - 2])
    assert results[SLOTS - 2 :] == [NoReplica] * (6 - SLOTS + 2)


async def test_without_a_share_the_lane_pauses_while_a_shopper_is_answered(model: Model) -> None:
    """And its prompts are not read. It keeps its slots, and goes on where it was."""
    lines = [line(model, f"{n}", max_tokens=300) for n in range(2)]
    unread = line(model, "词 " * 60, max_tokens=2)
    with engine(model, lane=replace(GREEDY, share=0.0)) as running:
        tasks = asking(running, model, lines)
        await until(lambda: len(running._rows.decoding) == 2, "the lane is in flight")
        shopper = asyncio.create_task(answered(running, model, ask(model, "?", max_tokens=80)))
        await until(lambda: running._rows.shoppers_decoding == 1, "so is a shopper")
        tasks += asking(running, model, [unread])
        await until(lambda: running._rows.prefilling, "a third of the lane has a slot")
        rows = [row for row in running._rows if row.in_lane]
        had = [row.cached_tokens for row in rows]
        assert had[2] == 0
        seen = []
        while running._rows.shoppers:
            seen.append([row.cached_tokens for row in rows])
            await asyncio.sleep(0.001)
        assert len(seen) > 3
        assert all(tokens == had for tokens in seen[:-1])
        await shopper
        assert all(isinstance(result, tuple) for result in await asyncio.gather(*tasks))
        assert preemptions(running) == 0


async def test_beside_shoppers_the_lane_goes_on_with_its_share(model: Model) -> None:
    with engine(model, lane=GREEDY) as running:
        async with crowd(running, model, 2), asyncio.timeout(20):
            await until(lambda: running._rows.shoppers == 2, "shoppers are in flight")
            result = await answered(running, model, line(model, "what?", 1, max_tokens=20))
        assert isinstance(result, tuple)
        assert preemptions(running) == 0


async def test_where_shoppers_take_all_slots_the_lane_gets_one_now_and_then(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And no shopper takes it back before the answer has ended."""
    monkeypatch.setattr(admission, "STARVED_S", 0.3)
    had: list[int] = []

    def note(_: Step) -> None:
        had.append(len(running._rows) - running._rows.shoppers)

    with engine(model) as running, recorded(running._passes, "run", note):
        async with crowd(running, model, 3 * SLOTS), asyncio.timeout(20):
            await until(lambda: running._waiting.shoppers_waiting > SLOTS, "shoppers wait")
            begun_at = time.monotonic()
            waits = asking(running, model, [line(model, f"{n}", max_tokens=30) for n in range(2)])
            for count, wait in enumerate(waits, 1):
                assert isinstance(await wait, tuple)
                assert time.monotonic() - begun_at > 0.3 * count
                assert running._waiting.shoppers_waiting > 0
        assert preemptions(running) == 0
    assert max(had) == 1


async def test_a_slot_that_shoppers_take_back_again_and_again_counts_for_nothing(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They leave slots free now and then, but never for as long as a long prompt takes."""
    monkeypatch.setattr(admission, "STARVED_S", 0.3)
    limits = LaneLimits(prefill_tokens=16)
    with engine(model, prefill_tokens=256, lane=limits) as running:
        (waits,) = asking(running, model, [line(model, "词 " * 200, max_tokens=2)])
        for burst in range(60):
            lengths = (3, 3, 3, 40, 40)
            assert len(lengths) == SLOTS
            asks = [ask(model, f"{burst} {n}?", max_tokens=n) for n in lengths]
            await asyncio.gather(*asking(running, model, asks))
            if waits.done():
                break
        assert isinstance(waits.result(), tuple)
        assert preemptions(running) > 0


async def test_a_lane_without_any_time_takes_no_slot_from_shoppers(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admission, "STARVED_S", 0.0)
    had: list[int] = []

    def note(_: Step) -> None:
        had.append(len(running._rows) - running._rows.shoppers)

    with engine(model, lane=LaneLimits(share=0)) as running:
        async with crowd(running, model, 3 * SLOTS), asyncio.timeout(20):
            await until(lambda: running._waiting.shoppers_waiting > SLOTS, "shoppers wait")
            with recorded(running._passes, "run", note):
                (waits,) = asking(running, model, [line(model, "?", max_tokens=30)])
                await until(lambda: running._waiting.lane_waiting or waits.done(), "it waits")
                await asyncio.gather(*asking(running, model, [ask(model, "!")] * SLOTS))
                assert max(had) == 0
        assert isinstance(await waits, tuple)


async def test_a_prompt_of_the_lane_is_read_in_parts_and_after_shoppers(model: Model) -> None:
    """Long prompts of both: no pass reads more of the lane's than its budget, none reads both, and
    none reads the lane's while a shopper's waits to be read."""
    passes: list[tuple[bool, bool, int]] = []

    def note(step: Step) -> None:
        reading = [(row, tokens) for row, tokens in step.reads if row.answer_tokens == 0]
        if reading:
            lane = [row.in_lane for row, _ in reading]
            shoppers_left = any(not row.in_lane for row in running._rows.prefilling)
            passes.append((any(lane), shoppers_left, sum(tokens for _, tokens in reading)))
            assert all(lane) or not any(lane)

    lines = [line(model, f"词{n} " * 90) for n in range(4)]
    limits = replace(GREEDY, prefill_tokens=24)
    with (
        engine(model, prefill_tokens=200, lane=limits) as running,
        recorded(running._passes, "run", note),
    ):
        tasks = asking(running, model, lines)
        await until(lambda: any(lane for lane, _, _ in passes), "the lane is being read")
        shoppers = [ask(model, f"词{n} " * 80, max_tokens=2) for n in range(3)]
        await asyncio.gather(*asking(running, model, shoppers), *tasks)
    assert max(tokens for lane, _, tokens in passes if lane) == 24
    assert max(tokens for lane, _, tokens in passes if not lane) > 100
    assert not any(lane and shoppers_left for lane, shoppers_left, _ in passes)


async def test_out_of_memory_takes_a_row_of_the_lane_first(model: Model, failing: Any) -> None:
    limits = LaneLimits(reserved_slots=2)
    outs: list[bool] = []
    with engine(model, lane=limits) as running:
        lines = asking(running, model, [line(model, f"{n}", max_tokens=100) for n in range(3)])
        await until(lambda: len(running._rows.decoding) == 3, "the lane is in flight")
        shoppers = asking(running, model, [ask(model, f"{n}?", max_tokens=60) for n in range(2)])
        await until(lambda: running._rows.shoppers_decoding == 2, "shoppers are in flight")
        with recorded(running._passes, "preempt", lambda row, _: outs.append(row.in_lane)):
            failing.fails = lambda rows: OutOfMemory() if len(outs) < 3 else None
            results = await asyncio.gather(*shoppers, *lines)
    assert outs == [True] * 3
    assert all(isinstance(result, tuple) for result in results)
    assert preemptions(running, "memory") == 3


async def test_a_closed_lane_takes_no_more_but_ends_what_it_has_begun(model: Model) -> None:
    """Also the line that has made way for a shopper: it waits, but is no new one."""
    with engine(model, lane=GREEDY) as running:
        begun = asking(running, model, [line(model, f"{n}", max_tokens=500) for n in range(SLOTS)])
        await until(lambda: len(running._rows.decoding) == SLOTS, "the lane is in flight")
        waiting = asking(running, model, [line(model, "and this?")])
        await until(lambda: running._waiting.lane_waiting == 1, "one waits")
        before = preemptions(running)
        shopper = asking(running, model, [ask(model, "?", max_tokens=200)])
        await until(lambda: preemptions(running) > before, "one has made way")
        running.close_lane()
        late = asking(running, model, [line(model, "a late one")])
        assert await asyncio.gather(*waiting, *late) == [NoReplica, NoReplica]
        shopper += asking(running, model, [ask(model, "a late shopper", max_tokens=4)])
        results = await asyncio.gather(*begun, *shopper)
        assert all(isinstance(result, tuple) for result in results)
