"""Prompts that were read before are not read again: counted, exact, and apart by tenant."""

import asyncio
import random
from dataclasses import replace
from pathlib import Path

import pytest

from contract.completion import CompletionRequest, Sampling, Turn
from contract.errors import InternalError
from inference.batching.engine import Engine
from inference.config import Settings
from inference.model.model import Model
from inference.model.prefixes import PrefixCache
from inference.telemetry import Metrics
from tests.engine.asks import Ask, Result, answered, ask, engine, mixed, reference
from tests.engine.conftest import Failing
from tests.support.pictures import picture

# What the second question about a photo may read: its own words and the marks of its turns.
MOST_READ = 32


@pytest.fixture
def large_photos(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    size = {"shortest_edge": 512 * 512, "longest_edge": 512 * 512}
    monkeypatch.setattr(model._prompts._image_processor, "size", size)


def about(model: Model, *words: str, tenant: str = "shop", photo: int = 1) -> Ask:
    """Questions and answers in turn, the last of them the question that is asked."""
    roles = ("user", "assistant")
    turns = tuple(Turn(roles[n % 2], text) for n, text in enumerate(words))  # type: ignore[arg-type]
    asked = CompletionRequest(turns, None, Sampling(max_tokens=4))
    pixels = picture(640, 480, photo)
    return Ask(model.prompt(asked, pixels, f"{tenant}:{photo}"), asked.sampling)


async def read(running: Engine, model: Model, asked: Ask) -> int:
    """How many prompt tokens are read to answer it."""
    counter = running._metrics._tokens.labels("prompt")._value
    before = counter.get()
    assert isinstance(await answered(running, model, asked), tuple)
    return int(counter.get() - before)


async def test_the_second_question_about_a_photo_reads_only_its_own_words(
    model: Model, large_photos: None
) -> None:
    first, second, other_photo, other_tenant = (
        about(model, "What is it made of?"),
        about(model, "适合送给妈妈吗？"),
        about(model, "适合送给妈妈吗？", photo=2),
        about(model, "适合送给妈妈吗？", tenant="rival"),
    )
    assert len(first.prompt.ids) > 250
    with engine(model) as running:
        assert await read(running, model, first) == len(first.prompt.ids)
        assert await read(running, model, second) <= MOST_READ
        assert await read(running, model, first) == 1, "the last token, for its logits"
        for other in (other_photo, other_tenant):
            assert await read(running, model, other) == len(other.prompt.ids)
            assert await read(running, model, other) == 1
        known = running._metrics.known_tokens._value.get()
    assert known == pytest.approx(4 * len(first.prompt.ids), rel=0.1)


async def test_a_conversation_goes_on_where_it_was(model: Model, large_photos: None) -> None:
    words = ["What is it made of?", "Leather, I think, and quite soft.", "适合送给妈妈吗？"]
    with engine(model) as running:
        await read(running, model, about(model, words[0]))
        third = await read(running, model, about(model, *words))
        assert third < 2 * MOST_READ
        assert await read(running, model, about(model, *words, "嗯", "why?")) <= MOST_READ
        assert await read(running, model, about(model, "Another question?")) <= MOST_READ


async def test_what_is_known_gives_the_very_tokens_of_generate(
    model: Model, expected: list[Result]
) -> None:
    """Twice the same questions in another order, some of whom leave: rows that begin at different
    lengths are read in one pass, and move while they wait."""
    asks = mixed(model, 24)
    choose = random.Random(3)
    for prefill_tokens in (17, 512):
        again = list(range(len(asks)))
        choose.shuffle(again)
        staggered = [
            replace(asks[n], delay_s=choose.random() / 2, leaves_after=1 if n % 5 == 0 else None)
            for n in again
        ]
        with engine(model, prefill_tokens=prefill_tokens) as running:
            await asyncio.gather(*(answered(running, model, a) for a in asks))
            known = running._metrics.known_tokens._value.get()
            results = await asyncio.gather(*(answered(running, model, a) for a in staggered))
            assert running._metrics.known_tokens._value.get() > known + 500
        for n, result in zip(again, results, strict=True):
            assert result == expected[n] or (n % 5 == 0 and result is None)


async def test_a_row_that_breaks_keeps_the_places_of_those_behind_it(
    model: Model, failing: Failing
) -> None:
    """Several rows in prefill may have tokens in the cache."""
    asks = [ask(model, f"what is number {n}?", n % 3, max_tokens=6) for n in range(10)]
    wanted = await reference(model, asks)
    with engine(model) as running:
        for n in range(3):
            await answered(running, model, asks[n])
        bad = {id(asks[n].prompt) for n in (3, 7)}
        failing.fails = lambda rows: (
            ValueError("bad row") if any(id(row.prompt) in bad for row in rows) else None
        )
        results = await asyncio.gather(*(answered(running, model, a) for a in asks))
    for n, result in enumerate(results):
        assert result == (InternalError if n in (3, 7) else wanted[n])


async def test_no_row_is_filled_up_beyond_its_slot(
    model_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A long prompt that is known, and a short new one: in one pass both would be filled up to the
    same width. A CPU raises an error, after which each is read alone. A GPU would be lost."""
    settings = Settings(_env_file=None, checkpoint=str(model_folder), slots=3)
    small = Model(settings.model_copy(update={"max_context_tokens": 128}))
    long = ask(small, "词 " * 48, max_tokens=2)
    longer = ask(small, "词 " * 48 + "!", max_tokens=2)
    short = ask(small, "a b c d e f g h i j k l", max_tokens=2)
    known = len(long.prompt.ids)
    assert known + len(short.prompt.ids) > 128 > len(longer.prompt.ids) + 2
    wanted = await reference(small, [longer, short])
    with engine(small) as running:
        await answered(running, small, long)
    running = Engine(small, Metrics(), queue_limit=10, prefill_tokens=512)
    tasks = [asyncio.create_task(answered(running, small, each)) for each in (longer, short)]
    await asyncio.sleep(0.01)
    running.start()  # both wait for the same pass
    try:
        assert await asyncio.gather(*tasks) == wanted
    finally:
        running.stop()
    assert "a pass of 2 rows failed" not in caplog.text


async def test_the_least_recently_used_prompts_go_first(
    model: Model, monkeypatch: pytest.MonkeyPatch, large_photos: None
) -> None:
    first = about(model, "What is it?")
    room = 2.5 * len(first.prompt.ids) * model.network.cache.bytes_per_token
    monkeypatch.setattr(model.network, "prefixes", PrefixCache(int(room)))
    with engine(model) as running:
        for photo in (1, 2, 1, 3):
            await read(running, model, about(model, "What is it?", photo=photo))
        assert await read(running, model, about(model, "?", photo=1)) <= MOST_READ
        assert await read(running, model, about(model, "?", photo=2)) > 240
        assert model.network.prefixes.bytes <= room


@pytest.mark.parametrize("limit", [0, 1000])
async def test_what_is_larger_than_the_cache_is_not_kept(
    model: Model, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    monkeypatch.setattr(model.network, "prefixes", PrefixCache(limit))
    asked = ask(model, "what?", 1, max_tokens=2)
    with engine(model) as running:
        for _ in range(2):
            assert await read(running, model, asked) == len(asked.prompt.ids)
    assert model.network.prefixes.bytes == 0
