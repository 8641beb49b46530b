"""inference/model/forward: our own forward passes compute what transformers' do, in few launches,
and nothing in them waits for the device."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from contract.completion import Sampling
from inference.config import Settings
from inference.model.checkpoint import Checkpoint, load_checkpoint
from inference.model.choosing.chooser import choose
from inference.model.choosing.sampler import Sampler
from inference.model.forward.decoding import Buckets
from inference.model.forward.language import Layer
from inference.model.model import Model
from inference.model.network import Network, RowInput
from tests.engine.asks import SLOTS, Ask, ask, mixed
from tests.support.fake_gpu import DEVICE, FakeGpu, Launches

# Of a layer in a pass. transformers' own take about 60.
MOST_LAUNCHES = 30


def rows_in_flight(model: Model, *, decoding: int) -> list[RowInput]:
    """Rows in decode, then a prompt from its beginning and a part of another one, with photos."""
    asks = mixed(model, decoding)
    rows = [RowInput(a.prompt, [5], len(a.prompt.ids), n) for n, a in enumerate(asks)]
    for slot, photo in ((decoding, 1), (decoding + 1, 2)):
        prompt = ask(model, "what is it made of?", photo).prompt
        start = 8 * (photo - 1)
        rows.append(RowInput(prompt, prompt.ids[start:], start, slot, photo == 1))
    return rows


def own_logits(model: Model, asked: Ask, chunk: int) -> torch.Tensor:
    """After the last token of the prompt, which is read in parts."""
    model.network.reset()
    ids = asked.prompt.ids
    for start in range(0, len(ids), chunk):
        part = RowInput(asked.prompt, ids[start : start + chunk], start, 1)
        logits = model.network.forward([part])
    return logits[0]


@torch.inference_mode()
def their_logits(model: Model, asked: Ask) -> torch.Tensor:
    prompt = asked.prompt
    ids = torch.tensor([prompt.ids])
    seen: dict[str, Any] = {}
    for photo in prompt.photos:
        types = torch.zeros_like(ids, dtype=torch.int)
        types[0, photo.start : photo.start + photo.tokens] = 1
        seen = {"mm_token_type_ids": types, "pixel_values": photo.patches}
        seen["image_grid_thw"] = photo.grid
    logits: torch.Tensor = model._module(input_ids=ids, **seen, logits_to_keep=1).logits[0, -1]
    return logits


@pytest.mark.parametrize("chunk", [1000, 7])
def test_logits_are_those_of_transformers(model: Model, chunk: int) -> None:
    for asked in (ask(model, "what is it made of?", 3), ask(model, "这是什么?")):
        own, theirs = own_logits(model, asked, chunk), their_logits(model, asked)
        assert (own - theirs).abs().max() < 1e-4 * theirs.abs().max()


def test_rows_of_a_pass_do_not_see_each_other(model: Model) -> None:
    """Packed in one sequence, whichever slots they are in."""
    prompts = [ask(model, words, photo).prompt for words, photo in (("a?", 1), ("b b?", None))]
    alone = []
    for prompt in prompts:
        model.network.reset()
        alone.append(model.network.forward([RowInput(prompt, prompt.ids, 0, 2)])[0])
    model.network.reset()
    places = zip(prompts, (3, 0), strict=True)
    together = model.network.forward([RowInput(p, p.ids, 0, slot) for p, slot in places])
    assert torch.allclose(together, torch.stack(alone), atol=1e-4)


@pytest.mark.parametrize("kind", ["decode", "mixed"])
def test_a_layer_takes_few_launches(
    model: Model, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """A photo's layers are the costly ones: DeepStack adds to them outside of the layer."""
    rows = rows_in_flight(model, decoding=3)
    counts: list[int] = []
    names: list[str] = []
    forward = Layer.forward

    def counted(self: Layer, *args: Any) -> torch.Tensor:
        with Launches() as launches:
            hidden = forward(self, *args)
        counts.append(len(launches.names))
        names[:] = launches.names
        return hidden

    monkeypatch.setattr(Layer, "forward", counted)
    model.network.forward(rows[:3] if kind == "decode" else rows)
    assert len(counts) == model._module.config.text_config.num_hidden_layers
    assert max(counts) <= MOST_LAUNCHES
    # What is told in docs/decisions: two more prompts in the pass, an attention each and one cat.
    assert set(counts) == {16 if kind == "decode" else 19}, names


def test_layers_that_read_the_same_are_one_and_are_held_once(model: Model) -> None:
    for layer in model._module.model.language_model.layers:
        for linears in (
            (layer.self_attn.q_proj, layer.self_attn.k_proj, layer.self_attn.v_proj),
            (layer.mlp.gate_proj, layer.mlp.up_proj),
        ):
            storages = {linear.weight.untyped_storage().data_ptr() for linear in linears}
            assert len(storages) == 1
            size = sum(linear.weight.numel() for linear in linears)
            assert linears[0].weight.untyped_storage().nbytes() == 4 * size


def test_layers_of_other_kinds_stay_as_they_are(model_folder: Path) -> None:
    """Quantised ones, for example, are of classes of their own."""

    class Other(nn.Linear):
        pass

    checkpoint = load_checkpoint(Settings(_env_file=None, checkpoint=str(model_folder)))
    for linear in list(checkpoint.module.model.language_model.modules()):
        if type(linear) is nn.Linear:
            linear.__class__ = Other
    other = Model(Settings(_env_file=None, checkpoint=str(model_folder), slots=2))
    asked = ask(other, "what?", 1)
    wanted = own_logits(other, asked, 1000)
    other.network = Network(checkpoint, 10**7, 10**7)
    assert torch.allclose(own_logits(other, asked, 1000), wanted, atol=1e-4)
    storages = {
        each.weight.untyped_storage().data_ptr()
        for each in checkpoint.module.model.language_model.modules()
        if isinstance(each, nn.Linear)
    }
    assert len(storages) == 7 * len(checkpoint.module.model.language_model.layers)


@pytest.fixture
def elsewhere(model_folder: Path) -> Network:
    """The network of a model that is on the feigned GPU."""
    settings = Settings(_env_file=None, checkpoint=str(model_folder), slots=SLOTS)
    checkpoint: Checkpoint = load_checkpoint(settings)
    return Network(replace(checkpoint, module=checkpoint.module.to(DEVICE)), 10**7, 10**7)


@pytest.mark.parametrize("kind", ["decode", "mixed"])
def test_a_pass_waits_for_the_device_once(model: Model, elsewhere: Network, kind: str) -> None:
    """When the tokens are fetched: 4 bytes a row."""
    elsewhere.decode_in(Buckets.doubling(SLOTS, elsewhere.cache.capacity), None)
    rows = rows_in_flight(model, decoding=3)
    rows = rows[:3] if kind == "decode" else rows
    samplers = [Sampler(Sampling(), [1], None) for row in rows if row.wanted]
    with FakeGpu() as gpu:
        for photo in [photo for row in rows if len(row.ids) > 1 for photo in row.prompt.photos]:
            elsewhere.look([photo], 10**6)
        logits = elsewhere.forward(rows)
        assert logits.device == DEVICE
        assert gpu.fetches == 0
        choose(logits, samplers)
        assert (gpu.fetches, gpu.fetched_bytes) == (1, 4 * len(samplers))


def test_moving_a_row_is_one_launch(elsewhere: Network) -> None:
    cache = elsewhere.cache
    with torch.inference_mode():
        states = cache.read(0, 9)
        for work in (
            lambda: cache.move(2, 1, 30),
            lambda: cache.clear(1),
            lambda: cache.read(0, 9),
            lambda: cache.write(1, states),
            cache.zero,
        ):
            with FakeGpu() as gpu:
                work()
            assert len(gpu.names) == 1, gpu.names
