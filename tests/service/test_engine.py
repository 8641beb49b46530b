"""The in-flight engine on a real model with random weights, whose answers wander: every token must
be the one that transformers' own `generate` chooses for that question alone."""

import asyncio
import json
import os
import random
import threading
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from contract.errors import (
    DeadlineExceeded,
    InternalError,
    InvalidSchema,
    NoReplica,
    Overloaded,
    ShopsightError,
)
from contract.request import Completion, Sampling, Turn
from contract.response import Delta, Finished, TokenLogprob
from inference.config import Settings
from inference.engine import Engine
from inference.job import Job, Priority
from inference.model import OutOfMemory
from inference.model.model import Model
from inference.model.network import Extension, Network
from inference.model.prompts import Prompt
from inference.serial import SerialEngine
from inference.telemetry import Metrics
from loadtest.random_checkpoint import SHAPE_TINY, make_checkpoint
from tests.unit.pictures import picture

SLOTS = 5
SCHEMA = json.dumps(
    {
        "type": "object",
        "properties": {
            "kind": {"enum": ["bag", "shoe"]},
            "colours": {
                "type": "array",
                "items": {"type": "string", "maxLength": 8},
                "maxItems": 3,
            },
            "logo": {"type": "boolean"},
        },
        "required": ["kind", "colours", "logo"],
        "additionalProperties": False,
    }
)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    folder = make_checkpoint(tmp_path_factory.mktemp("model"), SHAPE_TINY)
    settings = Settings(_env_file=None, checkpoint=str(folder), slots=SLOTS)  # type: ignore[call-arg]
    return Model(settings)


@pytest.fixture(autouse=True)
def _clean_slate(model: Model) -> None:
    model.network.reset()
    model.network.vision.clear()


@dataclass(frozen=True)
class Ask:
    prompt: Prompt
    sampling: Sampling
    delay_s: float = 0
    leaves_after: int | None = None


def ask(model: Model, question: str, photo: int | None = None, **sampling: Any) -> Ask:
    """`photo` is a seed; its size differs with it."""
    asked = Completion((Turn("user", question),), None, Sampling(**sampling))
    pixels = (
        None if photo is None else picture(160 + 37 * (photo % 5), 120 + 51 * (photo % 4), photo)
    )
    return Ask(model.prompt(asked, pixels, str(photo)), asked.sampling)


def mixed(model: Model, number: int) -> list[Ask]:
    """Photos of several sizes and several questions about one, text only, long prompts, schemas,
    warm and penalised sampling, answers of 1 to 40 tokens."""
    choose = random.Random(7)
    asks = []
    for index in range(number):
        extra: dict[str, Any] = {
            0: {},
            1: {"repetition_penalty": 1.3},
            2: {"temperature": 1.2, "seed": index, "top_p": 0.9, "top_k": 40},
            3: {"schema": SCHEMA},
            4: {"stop": ("e",)},
        }[choose.randrange(5)]
        if "schema" not in extra:
            extra["max_tokens"] = choose.randrange(1, 40)
        words = "".join(
            choose.choice("这是什么材质?what ") for _ in range(choose.randrange(1, 120))
        )
        photo = choose.choice([None, 1, 1, 2, 3, 4, 5])
        asks.append(ask(model, words + "?", photo, **extra))
    return asks


@contextmanager
def engine(model: Model, **options: Any) -> Iterator[Engine]:
    settings = {"queue_limit": 1000, "prefill_tokens": 64, **options}
    made = Engine(model, Metrics(), **settings)
    made.start()
    try:
        yield made
    finally:
        made.stop()


Result = tuple[str, str] | type[ShopsightError] | None


async def answered(engine: Engine | SerialEngine, model: Model, asked: Ask) -> Result:
    """Text and finish reason, the kind of error, or None for one who left."""
    await asyncio.sleep(asked.delay_s)
    job = Job(
        asked.prompt, asked.sampling, time.monotonic() + 120, grammar=model.grammar(asked.sampling)
    )
    texts: list[str] = []
    events = engine.answer(job)
    try:
        async for event in events:
            if isinstance(event, Finished):
                return "".join(texts), event.reason
            texts.append(event.text)
            if asked.leaves_after is not None and len(texts) > asked.leaves_after:
                await events.aclose()
                return None
    except ShopsightError as error:
        return type(error)
    raise AssertionError("ended without an end")


async def reference(model: Model, asks: Sequence[Ask]) -> list[Result]:
    serial = SerialEngine(model)
    serial.start()
    try:
        return [await answered(serial, model, asked) for asked in asks]
    finally:
        serial.stop()


@pytest.mark.parametrize("prefill_tokens", [17, 64, 512])
async def test_mixed_questions_in_flight_get_the_very_tokens_of_generate(
    model: Model, prefill_tokens: int
) -> None:
    asks = mixed(model, 24 if prefill_tokens != 64 else 64)
    expected = await reference(model, asks)
    choose = random.Random(1)
    staggered = [Ask(a.prompt, a.sampling, choose.random() * 2) for a in asks]
    with engine(model, prefill_tokens=prefill_tokens) as running:
        results = await asyncio.gather(*(answered(running, model, a) for a in staggered))
    assert results == expected
    assert len(set(results)) > len(asks) // 2, "the answers must differ"


async def test_those_who_leave_do_not_change_the_tokens_of_those_who_stay(model: Model) -> None:
    asks = mixed(model, 40)
    expected = await reference(model, asks[::2])
    choose = random.Random(2)
    mixed_up = [
        Ask(a.prompt, a.sampling, choose.random(), 2 if index % 2 else None)
        for index, a in enumerate(asks)
    ]
    with engine(model) as running:
        results = await asyncio.gather(*(answered(running, model, a) for a in mixed_up))
    assert results[::2] == expected


async def test_the_second_question_about_a_photo_skips_the_vision_tower(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    asks = [ask(model, question, 3, max_tokens=5) for question in ("what?", "colour?", "brand?")]
    other = ask(model, "what?", 4, max_tokens=5)
    with engine(model) as running:
        for asked in (*asks, other):
            await answered(running, model, asked)
        assert running._metrics.vision_lookups.labels("miss")._value.get() == 2
        assert running._metrics.vision_lookups.labels("hit")._value.get() == 2


async def test_sixty_schema_answers_are_strict_json_among_free_ones(model: Model) -> None:
    asks = [
        ask(model, f"card {n}", n % 4, schema=SCHEMA, temperature=1.0, seed=n, max_tokens=200)
        for n in range(60)
    ]
    free = [ask(model, f"free {n}", max_tokens=20) for n in range(20)]
    with engine(model) as running:
        results = await asyncio.gather(*(answered(running, model, a) for a in asks + free))
    for result in results[:60]:
        assert isinstance(result, tuple)
        card = json.loads(result[0])
        assert result[1] == "stop"
        assert card["kind"] in ("bag", "shoe")
        assert isinstance(card["logo"], bool)


async def test_json_that_is_cut_off_is_reported_as_such(model: Model) -> None:
    with engine(model) as running:
        result = await answered(running, model, ask(model, "card", schema=SCHEMA, max_tokens=3))
    assert isinstance(result, tuple)
    assert result[1] == "length"


@pytest.mark.parametrize("schema", ['{"type": "colour"}', '{"$ref": "#/nowhere"}', "[]"])
def test_a_schema_that_is_none_is_refused(model: Model, schema: str) -> None:
    with pytest.raises(InvalidSchema):
        model.grammar(Sampling(schema=schema))


async def test_log_probabilities_are_those_of_the_model(model: Model) -> None:
    asked = ask(model, "what?", 1, max_tokens=6, logprobs=True, top_logprobs=3)
    tokens: list[TokenLogprob] = []
    texts = []
    with engine(model) as running:
        job = Job(asked.prompt, asked.sampling, time.monotonic() + 60)
        async for event in running.answer(job):
            if isinstance(event, Delta):
                tokens += event.logprobs
                texts.append(event.text)
    ids: list[int] = []
    model.generate(asked.prompt, asked.sampling, None, ids.append, lambda: False)
    model.network.reset()
    row = Extension(asked.prompt, asked.prompt.ids + ids[:-1], 0)
    assert len(tokens) == len([i for i in ids if not model.ends(i)]) > 0
    for length, token in enumerate(tokens):
        end = len(asked.prompt.ids) + length
        model.network.reset()
        logits = model.network.extend(0, [Extension(row.prompt, row.ids[:end], 0)])[0]
        values = logits.log_softmax(-1)
        assert token.logprob == pytest.approx(float(values.max()), abs=1e-3)
        assert [round(t.logprob, 2) for t in token.top] == [
            round(v, 2) for v in values.topk(3).values.tolist()
        ]
    assert b"".join(token.data for token in tokens).decode("utf-8", "replace") == "".join(texts)


class Failing:
    """Stands before the network and fails as the test says."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self.fails: Any = lambda first, rows: None

    def extend(self, first: int, rows: Sequence[Extension]) -> Any:
        error = self.fails(first, rows)
        if error is not None:
            raise error
        return self._network.extend(first, rows)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._network, name)


@pytest.fixture
def failing(model: Model) -> Iterator[Failing]:
    network = model.network
    stand_in = Failing(network)
    model.network = stand_in  # type: ignore[assignment]
    yield stand_in
    model.network = network


async def test_a_question_that_breaks_fails_alone(model: Model, failing: Failing) -> None:
    asks = mixed(model, 12)
    expected = await reference(model, asks)
    bad = {id(asks[index].prompt) for index in (2, 5, 11)}

    def breaks(first: int, rows: Sequence[Extension]) -> Exception | None:
        return ValueError("bad row") if any(id(row.prompt) in bad for row in rows) else None

    failing.fails = breaks
    with engine(model) as running:
        results = await asyncio.gather(*(answered(running, model, a) for a in asks))
    for index, (result, wanted) in enumerate(zip(results, expected, strict=True)):
        assert result == (InternalError if index in (2, 5, 11) else wanted)


async def test_out_of_memory_shrinks_the_batch_and_loses_nobody(
    model: Model, failing: Failing
) -> None:
    asks = mixed(model, 16)
    expected = await reference(model, asks)
    failing.fails = lambda first, rows: OutOfMemory() if first + len(rows) > 2 else None
    with engine(model) as running:
        results = await asyncio.gather(*(answered(running, model, a) for a in asks))
    assert results == expected


async def test_a_question_too_large_for_the_memory_is_refused_and_the_engine_goes_on(
    model: Model, failing: Failing
) -> None:
    failing.fails = lambda first, rows: OutOfMemory()
    asked = ask(model, "what?", max_tokens=3)
    with engine(model) as running:
        assert await answered(running, model, asked) is Overloaded
        failing.fails = lambda first, rows: None
        assert isinstance(await answered(running, model, asked), tuple)


async def test_a_step_that_crashes_fails_its_rows_and_the_engine_goes_on(
    model: Model, failing: Failing, monkeypatch: pytest.MonkeyPatch
) -> None:
    asks = mixed(model, 4)
    expected = await reference(model, asks)
    with engine(model) as running:
        monkeypatch.setattr(running, "_admit", lambda: 1 / 0)
        # Nothing was admitted yet: crashing steps must not spin the waiting ones to death.
        task = asyncio.create_task(answered(running, model, asks[0]))
        await asyncio.sleep(0.1)
        monkeypatch.undo()
        assert await task == expected[0]
        assert await asyncio.gather(*(answered(running, model, a) for a in asks)) == expected


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
    while len(running._growing) < SLOTS:  # noqa: ASYNC110 - nothing tells
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


async def test_a_thousand_questions_leave_nothing_behind(model: Model, failing: Failing) -> None:
    """20 % leave on the way, 5 % break: each ends exactly once, in one way, and nothing stays."""
    choose = random.Random(4)
    pool = mixed(model, 40)
    bad = {id(asked.prompt) for asked in pool[:2]}

    def breaks(first: int, rows: Sequence[Extension]) -> Exception | None:
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
        while running._growing or running._reading:  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.01)
        counts = {
            sample.labels["outcome"]: sample.value
            for metric in running._metrics.requests.collect()
            for sample in metric.samples
            if sample.name.endswith("_total")
        }
        assert threading.active_count() == threads
    assert sum(counts.values()) == len(results) == 1000
    assert set(counts) == {"answered", "cancelled", "internal_error"}
    assert counts["internal_error"] == results.count(InternalError) > 20
    assert resident_mb() - before_mb < 20


async def test_the_first_schema_does_not_stall_growing_answers(model: Model) -> None:
    """A mask helper that is compiled on first use would stop everybody for seconds."""
    gaps: list[float] = []

    async def growing() -> None:
        one = ask(model, "hi", max_tokens=400)
        last = time.monotonic()
        async for _ in running.answer(Job(one.prompt, one.sampling, last + 120)):
            gaps.append(time.monotonic() - last)
            last = time.monotonic()

    with engine(model) as running:
        async with background(growing()) as first:
            await answered(running, model, ask(model, "card", schema=SCHEMA, max_tokens=50))
            await first
    assert max(gaps) < 2


@asynccontextmanager
async def background(task: Any) -> AsyncIterator[Any]:
    running = asyncio.create_task(task)
    try:
        yield running
    finally:
        running.cancel()


async def test_a_long_prompt_does_not_stall_growing_answers(model: Model) -> None:
    """Between two tokens of a growing answer at most one part of a prompt is read."""
    widths: list[int] = []
    extend = model.network.extend

    def watched(first: int, rows: Sequence[Extension]) -> Any:
        widths.append(sum(len(row.ids) for row in rows))
        return extend(first, rows)

    long = ask(model, "词语 " * 400, max_tokens=2)
    assert len(long.prompt.ids) > 400
    with engine(model, prefill_tokens=32) as running:
        model.network.extend = watched  # type: ignore[method-assign]
        try:
            growing = answered(running, model, ask(model, "hi", max_tokens=60))
            async with background(growing) as first:
                await answered(running, model, long)
                await first
        finally:
            del model.network.extend
    assert max(widths) <= 32


def test_photos_of_any_shape_fit_the_model(model: Model) -> None:
    for size in ((32, 3200), (3200, 32), (4000, 3000), (33, 35)):
        asked = Completion((Turn("user", "what?"),), None)
        prompt = model.prompt(asked, Image.new("RGB", size))
        assert prompt.photo is not None
        assert 1 <= prompt.photo.tokens <= 80
