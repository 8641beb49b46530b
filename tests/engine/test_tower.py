"""inference/model/forward/tower: several photos in one look, a look in several steps, and no step
that takes longer than it may."""

import asyncio
from typing import Any

import pytest
import torch

from contract.completion import CompletionRequest, Turn
from inference.batching.rows import Step
from inference.model.forward.tower import Look, Tower
from inference.model.model import Model
from inference.model.prompts import Photo
from inference.model.vision import Features
from tests.engine.asks import Result, answered, ask, engine, mixed, reference
from tests.support.fake_gpu import DEVICE, FakeGpu
from tests.support.pictures import picture

SIZES = ((192, 192), (300, 130), (190, 222), (64, 500))


def photos(model: Model) -> list[Photo]:
    asked = CompletionRequest((Turn("user", "?"),), None)
    prompts = [model.prompt(asked, picture(*size), str(size)) for size in SIZES]
    return [photo for prompt in prompts for photo in prompt.photos]


@torch.inference_mode()
def looked_at(model: Model, seen: list[Photo], share: float = 1.0) -> list[Features]:
    look = Look(model.network._tower, seen)
    steps = 1
    while (features := look.advance(share)) is None:
        steps += 1
    assert steps == (1 if share == 1 else model.network._tower.blocks)
    return features


def equal(one: Features, other: Features) -> bool:
    pairs = zip((one.tokens, *one.deepstack), (other.tokens, *other.deepstack), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


def test_several_photos_in_one_look_are_bit_equal_to_one_by_one(model: Model) -> None:
    seen = photos(model)
    assert len({photo.tokens for photo in seen}) > 2
    together = looked_at(model, seen)
    for photo, features in zip(seen, together, strict=True):
        assert features.tokens.shape[0] == photo.tokens
        assert equal(features, looked_at(model, [photo])[0])
    storages = {features.tokens.untyped_storage().data_ptr() for features in together}
    assert len(storages) == len(seen), "one that is dropped frees its memory"


def test_a_look_in_parts_is_bit_equal(model: Model) -> None:
    seen = photos(model)[:2]
    whole = looked_at(model, seen)
    parts = looked_at(model, seen, share=0.01)
    assert all(equal(a, b) for a, b in zip(whole, parts, strict=True))


@torch.inference_mode()
def test_features_are_those_of_transformers(model: Model) -> None:
    for photo in photos(model):
        own = looked_at(model, [photo])[0]
        theirs = model._module.model.get_image_features(photo.patches, photo.grid, return_dict=True)
        assert torch.allclose(own.tokens, theirs.pooler_output[0], atol=1e-4)
        for level, their_level in zip(own.deepstack, theirs.deepstack_features, strict=True):
            assert torch.allclose(level, their_level[0], atol=1e-4)


def test_a_look_waits_for_nothing(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """transformers asks the device for the photos' sizes in each of its blocks."""
    visual = model._module.model.visual
    module = type(visual)(visual.config).eval().to(DEVICE)
    tower = type(model.network._tower)(module, torch.float32)
    with torch.inference_mode(), FakeGpu() as gpu:
        features = Look(tower, photos(model)).advance(1.0)
    assert features is not None
    assert features[0].tokens.device == DEVICE
    assert gpu.fetches == 0


@pytest.mark.parametrize("prefill_tokens", [16, 256])
async def test_no_step_takes_longer_than_its_tokens(
    model: Model, monkeypatch: pytest.MonkeyPatch, prefill_tokens: int
) -> None:
    """What the tower does counts as the tokens that take as long. A photo that takes longer than a
    step is looked at in several, and between them answers in decode go on."""
    asks = [ask(model, f"what {n}?", n % 5, max_tokens=20) for n in range(12)]
    wanted = await reference(model, asks)
    tower, cost = model.network._tower, model.network._tower_cost
    most = max(photo.tokens for a in asks for photo in a.prompt.photos) * cost
    steps: list[Step] = []
    work = 0.0
    begun: list[Photo] = []
    block, begin = Tower.block, Look.__init__

    def counted(self: Tower, index: int, hidden: Any, lengths: list[int], rotation: Any) -> Any:
        nonlocal work
        work += sum(lengths) / 4 * cost / tower.blocks  # four patches are one token
        return block(self, index, hidden, lengths, rotation)

    def begins(self: Look, tower: Tower, seen: list[Photo]) -> None:
        begun.extend(seen)
        begin(self, tower, seen)

    monkeypatch.setattr(Tower, "block", counted)
    monkeypatch.setattr(Look, "__init__", begins)
    with engine(model, prefill_tokens=prefill_tokens) as running:
        run = running._passes.run

        def recorded(step: Step) -> None:
            nonlocal work
            work = sum(tokens for row, tokens in step.reads if row.answer_tokens == 0)
            run(step)
            assert work <= max(prefill_tokens, most / tower.blocks), "at least a block is done"
            steps.append(step)

        monkeypatch.setattr(running._passes, "run", recorded)
        results: list[Result] = await asyncio.gather(*(answered(running, model, a) for a in asks))
    assert results == wanted
    assert len(begun) == 5, "a look goes on where it was"
    looking = [step for step in steps if step.looks]
    if prefill_tokens < most:
        assert any(len(step.reads) > 1 for step in looking), "answers go on meanwhile"
    else:
        assert any(len(step.looks) > 1 for step in looking), "several photos in one look"


def test_a_line_s_photo_is_gone_on_with_behind_shoppers_photos(model: Model) -> None:
    """Else it would begin again and again, for as long as shoppers come with new photos."""
    line, next_line, shopper, other = photos(model)
    network = model.network
    network.vision.in_use = {line.key, next_line.key, shopper.key, other.key}
    whole = network.sight_cost(line)
    network.look([line], 1)
    left = network.sight_cost(line)
    assert left < whole
    # A row of the lane may make room for a shopper's by going to the end of the lane.
    for each in (shopper, next_line, other):
        network.look([each], 1)
        assert network.sight_cost(line) == left
    while network.sight_cost(line):
        network.look([line], 1)
    features = network.vision.get(line.key)
    assert features is not None
    assert equal(features, looked_at(model, [line])[0])


def test_a_look_that_nobody_waits_for_is_let_go_of(model: Model) -> None:
    line, _, shopper, _ = photos(model)
    network = model.network
    network.vision.in_use = {shopper.key}
    whole = network.sight_cost(line)
    network.look([line], 1)
    network.look([shopper], 1)
    assert network.sight_cost(line) == whole


async def test_photos_of_one_pass_stay_until_they_are_read(
    model: Model, expected: list[Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    """However small the cache is: each is looked at once for a question."""
    monkeypatch.setattr(model.network.vision, "_limit", 1)
    asks = mixed(model, 24)
    begun: list[Any] = []
    begin = Look.__init__

    def counted(self: Look, tower: Any, seen: Any) -> None:
        begun.extend(seen)
        begin(self, tower, seen)

    monkeypatch.setattr(Look, "__init__", counted)
    with engine(model, prefill_tokens=128) as running:
        results = await asyncio.gather(*(answered(running, model, a) for a in asks))
    assert results == expected[:24]
    with_photo = sum(bool(a.prompt.photos) for a in asks)
    assert 0 < len(begun) <= with_photo


async def test_a_photo_that_breaks_the_tower_fails_alone(
    model: Model, expected: list[Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    asks = mixed(model, 16)
    look = model.network.look
    bad = next(photo for a in asks for photo in a.prompt.photos)

    def breaking(seen: list[Photo], most_tokens: int) -> None:
        if any(photo.key == bad.key for photo in seen):
            raise ValueError("bad photo")
        look(seen, most_tokens)

    monkeypatch.setattr(model.network, "look", breaking)
    with engine(model, prefill_tokens=256) as running:
        results = await asyncio.gather(*(answered(running, model, a) for a in asks))
    for asked, result, answer in zip(asks, results, expected[:16], strict=True):
        broken = any(photo.key == bad.key for photo in asked.prompt.photos)
        assert isinstance(result, type) if broken else result == answer
