"""What breaks, leaves, waits or does not fit: it harms nobody else, and nothing stays behind."""

import asyncio
import itertools
import os
import random
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from contract.completion import CompletionRequest, Sampling, Turn
from contract.errors import (
    DeadlineExceeded,
    InternalError,
    NoReplica,
    Overloaded,
    ShopsightError,
)
from contract.wire import NOT_BEGUN_HEADER, Priority
from inference.batching.engine import Engine
from inference.batching.job import Job
from inference.model.model import Model
from inference.model.network import RowInput
from inference.model.tensors import OutOfMemory
from inference.telemetry import Metrics
from tests.engine.asks import (
    SCHEMA,
    SLOTS,
    Ask,
    Result,
    answered,
    ask,
    background,
    engine,
    mixed,
)
from tests.engine.conftest import Failing


async def test_what_waits_in_an_engine_that_ends_is_told_that_it_was_not_begun(
    model: Model,
) -> None:
    running = Engine(model, Metrics(), queue_limit=9, prefill_tokens=64)
    asked = ask(model, "what?")
    job = Job(asked.prompt, asked.sampling, time.monotonic() + 120)
    running.submit(job)
    running._stopping = True
    running.start()
    with pytest.raises(NoReplica) as refused:
        await anext(job.pieces())
    running.stop()
    assert NOT_BEGUN_HEADER in refused.value.headers


async def test_a_question_that_breaks_fails_alone(
    model: Model, failing: Failing, expected: list[Result]
) -> None:
    asks = mixed(model, 12)
    bad = {id(asks[index].prompt) for index in (2, 5, 11)}

    def breaks(rows: Sequence[RowInput]) -> Exception | None:
        return ValueError("bad row") if any(id(row.prompt) in bad for row in rows) else None

    failing.fails = breaks
    with engine(model) as running:
        results = await asyncio.gather(*(answered(running, model, a) for a in asks))
    for index, (result, wanted) in enumerate(zip(results, expected[:12], strict=True)):
        assert result == (InternalError if index in (2, 5, 11) else wanted)


async def test_after_a_step_that_failed_nothing_is_shown_as_in_flight(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    with engine(model) as running:
        slots_used = running._metrics._slots_used._value

        def breaks(*_: int) -> None:
            if slots_used.get():
                monkeypatch.undo()
                raise RuntimeError("a step that failed")

        plan = running._rows.plan
        monkeypatch.setattr(running._rows, "plan", lambda *bounds: breaks() or plan(*bounds))
        asked = ask(model, "what?", max_tokens=200)
        assert await answered(running, model, asked) is InternalError
    assert slots_used.get() == 0


async def test_out_of_memory_shrinks_the_batch_and_loses_nobody(
    model: Model, failing: Failing, expected: list[Result]
) -> None:
    asks = mixed(model, 16)
    failing.fails = lambda rows: OutOfMemory() if len(rows) > 2 else None
    with engine(model) as running:
        results = await asyncio.gather(*(answered(running, model, a) for a in asks))
    assert results == expected[:16]


async def test_an_answer_that_must_make_room_goes_on_later_where_it_was(
    model: Model, failing: Failing, expected: list[Result]
) -> None:
    asks = mixed(model, 16)
    passes = itertools.count()

    def now_and_then(rows: Sequence[RowInput]) -> Exception | None:
        decoding = all(len(row.ids) == 1 for row in rows)
        return OutOfMemory() if decoding and len(rows) > 1 and next(passes) % 4 == 3 else None

    failing.fails = now_and_then
    with engine(model) as running:
        results = await asyncio.gather(*(answered(running, model, a) for a in asks))
    assert next(passes) > 12
    assert results == expected[:16]


async def test_a_question_too_large_for_the_memory_is_refused_and_the_engine_goes_on(
    model: Model, failing: Failing
) -> None:
    failing.fails = lambda rows: OutOfMemory()
    asked = ask(model, "what?", max_tokens=3)
    with engine(model) as running:
        assert await answered(running, model, asked) is Overloaded
        failing.fails = lambda rows: None
        assert isinstance(await answered(running, model, asked), tuple)


async def test_a_step_that_crashes_fails_its_rows_and_the_engine_goes_on(
    model: Model, failing: Failing, expected: list[Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    asks = mixed(model, 4)
    with engine(model) as running:
        monkeypatch.setattr(running._waiting, "admit", lambda passes: 1 / 0)
        # Nothing was admitted yet: crashing steps must not spin the waiting ones to death.
        task = asyncio.create_task(answered(running, model, asks[0]))
        await asyncio.sleep(0.1)
        monkeypatch.undo()
        assert await task == expected[0]
        assert await asyncio.gather(*(answered(running, model, a) for a in asks)) == expected[:4]


async def test_a_full_queue_refuses_at_once(model: Model) -> None:
    long = ask(model, "what?", max_tokens=60)
    with engine(model, queue_limit=3) as running:
        tasks = [asyncio.create_task(answered(running, model, long)) for _ in range(30)]
        results = await asyncio.gather(*tasks)
    assert results.count(Overloaded) >= 30 - 3 - SLOTS - 3
    assert len([result for result in results if isinstance(result, tuple)]) >= 3


async def test_deadlines_end_those_who_wait_and_those_in_flight(model: Model) -> None:
    long = ask(model, "what?", max_tokens=1000)

    async def until(seconds: float) -> type[ShopsightError]:
        job = Job(long.prompt, long.sampling, time.monotonic() + seconds)
        with pytest.raises(DeadlineExceeded):
            async for _ in running.answer(job):
                pass
        return DeadlineExceeded

    with engine(model) as running:
        begun = time.monotonic()
        await asyncio.gather(*(until(0.2) for _ in range(2 * SLOTS)))
        assert time.monotonic() - begun < 5
        assert isinstance(await answered(running, model, ask(model, "?", max_tokens=2)), tuple)


async def test_stopping_finishes_what_is_in_flight_and_refuses_what_waits(model: Model) -> None:
    asks = [ask(model, f"question {n}", max_tokens=40) for n in range(SLOTS + 4)]
    running = Engine(model, Metrics(), queue_limit=100, prefill_tokens=512)
    running.start()
    tasks = [asyncio.create_task(answered(running, model, a)) for a in asks]
    while len(running._rows.decoding) < SLOTS:  # noqa: ASYNC110 - nothing tells
        await asyncio.sleep(0.005)
    await asyncio.to_thread(running.stop)
    results = await asyncio.gather(*tasks)
    assert results.count(NoReplica) >= 1
    assert all(result is NoReplica or isinstance(result, tuple) for result in results)
    assert len([result for result in results if isinstance(result, tuple)]) >= SLOTS - 1


async def test_interactive_questions_overtake_batch_ones(model: Model) -> None:
    order: list[str] = []

    async def asked(priority: Priority, name: str) -> None:
        one = ask(model, name, max_tokens=10)
        job = Job(one.prompt, one.sampling, time.monotonic() + 60, priority)
        async for _ in running.answer(job):
            pass
        order.append(priority)

    with engine(model) as running:
        batch = [asyncio.create_task(asked("batch", f"b{n}")) for n in range(20)]
        await asyncio.sleep(0)
        now = [asyncio.create_task(asked("interactive", f"i{n}")) for n in range(5)]
        await asyncio.gather(*batch, *now)
    assert max(index for index, kind in enumerate(order) if kind == "interactive") < 18


def resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def counted(running: Engine) -> dict[str, float]:
    """Questions that have ended, by outcome."""
    return {
        sample.labels["outcome"]: sample.value
        for metric in running._metrics.requests.collect()
        for sample in metric.samples
        if sample.name.endswith("_total")
    }


@pytest.mark.long
async def test_a_thousand_questions_leave_nothing_behind(model: Model, failing: Failing) -> None:
    """20 % leave on the way, 5 % break: each ends exactly once, in one way, and nothing stays."""
    choose = random.Random(4)
    pool = mixed(model, 40, longest=12)
    bad = {id(asked.prompt) for asked in pool[:2]}

    def breaks(rows: Sequence[RowInput]) -> Exception | None:
        return ValueError("bad row") if any(id(row.prompt) in bad for row in rows) else None

    failing.fails = breaks
    asks = []
    for _ in range(1000):
        one = choose.choice(pool)
        leaves = choose.randrange(3) if choose.random() < 0.2 else None
        short = Sampling(max_tokens=choose.randrange(1, 6))
        asks.append(Ask(one.prompt, short, choose.random() * 0.5, leaves))
    with engine(model) as running:
        results = []
        for start in range(0, 1000, 250):
            part = asks[start : start + 250]
            results += await asyncio.gather(*(answered(running, model, a) for a in part))
            if start == 0:
                before_mb, threads = resident_mb(), threading.active_count()
        # One that has left is counted when the engine comes to it.
        until = time.monotonic() + 10
        while sum(counted(running).values()) < 1000 and time.monotonic() < until:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        while running._rows:  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.01)
        counts = counted(running)
        assert threading.active_count() == threads
    assert sum(counts.values()) == len(results) == 1000
    # Of those who left, some had been answered by then, unread.
    assert 0 < counts["cancelled"] <= results.count(None)
    assert set(counts) == {"answered", "cancelled", "internal_error"}
    assert counts["internal_error"] == results.count(InternalError) > 20
    assert resident_mb() - before_mb < 20


async def test_the_first_schema_does_not_stall_answers_in_decode(model: Model) -> None:
    """A mask helper that is compiled on first use would stop everybody for seconds."""
    gaps: list[float] = []

    async def timed_answer() -> None:
        one = ask(model, "hi", max_tokens=400)
        last = time.monotonic()
        async for _ in running.answer(Job(one.prompt, one.sampling, last + 120)):
            gaps.append(time.monotonic() - last)
            last = time.monotonic()

    with engine(model) as running:
        async with background(timed_answer()) as first:
            await answered(running, model, ask(model, "card", schema=SCHEMA, max_tokens=50))
            await first
    assert max(gaps) < 2


async def test_a_long_prompt_does_not_stall_answers_in_decode(model: Model) -> None:
    """Between two tokens of an answer at most one part of a prompt is read."""
    widths: list[int] = []
    forward = model.network.forward

    def recording(rows: Sequence[RowInput]) -> Any:
        widths.append(sum(len(row.ids) for row in rows))
        return forward(rows)

    long = ask(model, "词语 " * 400, max_tokens=2)
    assert len(long.prompt.ids) > 400
    with engine(model, prefill_tokens=32) as running:
        model.network.forward = recording  # type: ignore[method-assign]
        try:
            answer = answered(running, model, ask(model, "hi", max_tokens=60))
            async with background(answer) as first:
                await answered(running, model, long)
                await first
        finally:
            del model.network.forward
    assert max(widths) <= 32 + 1, "the part, and the answer's own token"


def test_photos_of_any_shape_fit_the_model(model: Model) -> None:
    for size in ((32, 3200), (3200, 32), (4000, 3000), (33, 35)):
        asked = CompletionRequest((Turn("user", "what?"),), None)
        prompt = model.prompt(asked, Image.new("RGB", size))
        assert len(prompt.photos) == 1
        assert 1 <= prompt.photos[0].tokens <= 80
