"""Several photos in one prompt: the in-flight engine reads them as transformers does."""

import asyncio
import itertools

import pytest
import torch

from contract.completion import CompletionRequest, FurtherPhoto, Sampling, Turn
from inference.model.model import Model
from tests.engine.asks import Ask, answered, ask, engine, reference
from tests.support.pictures import picture

# Seeds of pictures of different sizes, by the user's turn that shows them.
SHOWN: list[list[list[int]]] = [
    [[1, 2]],
    [[2, 1]],
    [[1, 1]],
    [[1], [2]],
    [[], [1, 3], [2]],
    [[1, 2, 3, 4]],
    [[3], [], [4]],
]


def conversation(model: Model, turns: list[list[int]], **sampling: int) -> Ask:
    places = [(turn, seed) for turn, seeds in enumerate(turns) for seed in seeds]
    spoken = [(Turn("user", f"what is it {n}?"), Turn("assistant", "a bag")) for n in range(9)]
    asked = CompletionRequest(
        tuple(itertools.chain(*spoken[: len(turns)]))[:-1],
        None,
        Sampling(**sampling),
        photo_turn=places[0][0],
        further=tuple(FurtherPhoto(turn) for turn, _ in places[1:]),
    )
    pixels = [picture(160 + 37 * seed, 120 + 51 * seed, seed) for _, seed in places]
    keys = [str(seed) for _, seed in places]
    return Ask(model.prompt(asked, pixels, keys), asked.sampling)


@pytest.mark.parametrize("prefill_tokens", [7, 64, 2048])
async def test_conversations_with_several_photos_get_the_very_tokens_of_generate(
    model: Model, prefill_tokens: int
) -> None:
    asks = [conversation(model, turns, max_tokens=12) for turns in SHOWN]
    asks += [ask(model, "what?", seed, max_tokens=12) for seed in (1, 2)]
    expected = await reference(model, asks)
    with engine(model, prefill_tokens=prefill_tokens) as running:
        found = await asyncio.gather(*(answered(running, model, each) for each in asks))
    assert found == expected
    assert len(set(found)) > len(asks) // 2, "order and turn make a difference"


async def test_each_photo_is_looked_at_once_whichever_conversation_shows_it(model: Model) -> None:
    asks = [
        ask(model, "what?", 1, max_tokens=2),
        conversation(model, [[1, 2]], max_tokens=2),
        conversation(model, [[2, 1]], max_tokens=2),
    ]
    # `ask` makes its pictures smaller: the same names must be the same photos here.
    asks[0] = conversation(model, [[1]], max_tokens=2)
    with engine(model, prefill_tokens=4096) as running:
        for each in asks:
            await answered(running, model, each)
        lookups = running._metrics.vision_lookups
        assert lookups.labels("miss")._value.get() == 2
        assert lookups.labels("hit")._value.get() == 3


def test_places_and_positions_are_those_of_each_photo(model: Model) -> None:
    prompt = conversation(model, [[1], [2, 3]], max_tokens=1).prompt
    assert len(prompt.photos) == 3
    token = prompt.ids[prompt.photos[0].start]
    places = [i for i, found in enumerate(prompt.ids) if found == token]
    runs = [range(p.start, p.start + p.tokens) for p in prompt.photos]
    assert places == [i for run in runs for i in run]
    for run, photo in zip(runs, prompt.photos, strict=True):
        own = prompt.positions[:, run.start : run.stop]
        rows, columns = (int(size) // 2 for size in photo.grid[0, 1:])
        assert len(torch.unique(own[1])) == rows, "its height"
        assert len(torch.unique(own[2])) == columns, "its width"
    assert prompt.position(len(prompt.ids)) == int(prompt.positions.max()) + 1
