"""On which device a checkpoint is loaded, in which precision, and whether it fits there."""

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForImageTextToText

from inference.config import Settings
from inference.model import rehearsal
from inference.model.device import (
    bound_memory,
    check_placement,
    choose_device,
    default_dtype,
    peak_bytes,
)
from inference.model.memory import CONTEXT_BYTES
from inference.model.model import Model
from inference.model.tensors import OutOfMemory
from inference.model.unfit import UnfitError
from loadtest.random_checkpoint import SHAPE_TINY, make_checkpoint


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_checkpoint(tmp_path_factory.mktemp("tiny"), SHAPE_TINY)


class Cards:
    """What torch tells of a machine with GPUs of 24 GB, of which something is in use."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, count: int) -> None:
        self.share = 0.0
        for name in ("is_available", "device_count", "mem_get_info", "max_memory_reserved"):
            monkeypatch.setattr(torch.cuda, name, getattr(self, name))
        monkeypatch.setattr(torch.cuda, "set_per_process_memory_fraction", self.set_fraction)
        self._count = count

    def is_available(self) -> bool:
        return self._count > 0

    def device_count(self) -> int:
        return self._count

    def mem_get_info(self, device: str) -> tuple[int, int]:
        return 22_000_000_000, 24_000_000_000

    def max_memory_reserved(self, device: str) -> int:
        return 19_000_000_000

    def set_fraction(self, share: float, device: str) -> None:
        self.share = share


@pytest.mark.parametrize(
    ("wanted", "count", "device"),
    [
        ("auto", 0, "cpu"),
        ("auto", 2, "cuda:0"),
        ("cpu", 2, "cpu"),
        ("cuda", 1, "cuda:0"),
        ("cuda:1", 2, "cuda:1"),
    ],
)
def test_a_replica_is_on_one_device(
    wanted: str, count: int, device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Cards(monkeypatch, count)
    assert choose_device(wanted) == device


@pytest.mark.parametrize("wanted", ["balanced", "sequential", "cuda:0,cuda:1", '{"": 0}', "cuda:x"])
def test_more_than_one_device_is_refused_with_a_sentence(
    wanted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Cards(monkeypatch, 2)
    with pytest.raises(UnfitError, match="A replica is on one: cuda:0 or cpu"):
        choose_device(wanted)


@pytest.mark.parametrize(("wanted", "count"), [("cuda:0", 0), ("cuda:2", 2)])
def test_a_gpu_that_is_not_there_is_not_replaced_by_the_cpu(
    wanted: str, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    Cards(monkeypatch, count)
    with pytest.raises(UnfitError, match=f"torch finds {count} GPUs"):
        choose_device(wanted)


def test_weights_that_are_put_elsewhere_are_refused(folder: Path, tmp_path: Path) -> None:
    """As transformers does it where a card is too small: a part goes to the machine's memory or
    its disk, and is fetched for each token."""
    module = AutoModelForImageTextToText.from_pretrained(
        folder,
        device_map={"model.visual": "disk", "model.language_model": "cpu", "lm_head": "cpu"},
        offload_folder=str(tmp_path),
    )
    with pytest.raises(UnfitError, match="on meta instead of cpu"):
        check_placement(module, "cpu")
    check_placement(AutoModelForImageTextToText.from_pretrained(folder), "cpu")


@pytest.mark.parametrize(("ampere", "dtype"), [(True, "bfloat16"), (False, "float16")])
def test_bfloat16_is_the_default_where_the_card_has_it(
    ampere: bool, dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A card before Ampere emulates it, and says that it is supported."""

    def is_bf16_supported(including_emulation: bool = True) -> bool:
        return ampere or including_emulation

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", is_bf16_supported)
    assert default_dtype("cuda:0", "none") == default_dtype("cuda:0", "int4") == dtype
    assert default_dtype("cpu", "none") == "float32"


def test_torch_gets_no_more_of_a_card_than_the_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    cards = Cards(monkeypatch, 1)
    assert bound_memory("cuda:0", 20_000_000_000) == 20_000_000_000
    assert cards.share * 24e9 + CONTEXT_BYTES == pytest.approx(20e9)
    assert bound_memory("cuda:0", None) == int(0.95 * 22e9)
    assert peak_bytes("cuda:0") == 19_000_000_000 + CONTEXT_BYTES
    with pytest.raises(UnfitError, match=r"has only 22\.00 of its 24\.00 GB free"):
        bound_memory("cuda:0", 23_000_000_000)
    assert bound_memory("cpu", None) is None


def loaded(folder: Path, **settings: Any) -> Model:
    return Model(Settings(_env_file=None, checkpoint=str(folder), prefix_cache_bytes=0, **settings))


def test_what_a_budget_leaves_becomes_slots_and_context(folder: Path) -> None:
    """A budget counts on a CPU, too, where nothing enforces it."""
    model = loaded(folder, gpu_memory_bytes=700_000_000)
    assert (model.plan.slots, model.plan.context) == (12, 4096)
    assert (model.network.cache.slots, model.facts.max_context_tokens) == (12, 4096)
    assert model.plan.total <= 700_000_000


def test_the_rehearsal_fills_every_slot_and_leaves_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = loaded(folder, slots=3, max_context_tokens=700, prefill_tokens=64)
    network = model.network
    forward = network.forward
    passes: list[list[tuple[int, int]]] = []

    def recorded(rows: Any) -> torch.Tensor:
        passes.append([(len(row.ids), row.start + len(row.ids)) for row in rows])
        return forward(rows)

    monkeypatch.setattr(network, "forward", recorded)
    assert model.rehearse() is None
    assert passes[-2] == [(1, 700), (1, 700), (64, 700)], "the longest prompt beside the others"
    assert passes[-1] == 3 * [(1, 700)]
    assert passes[0] == [(64, 64)]
    assert passes[-3][0][1] > 70, "a photo, as closely as it is ever looked at"
    assert network.vision.bytes == 0
    assert not any(store.any() for store in network.cache.states)


@pytest.mark.parametrize("peak", [None, 800_000_000])
def test_a_rehearsal_that_does_not_fit_is_refused_with_the_arithmetic(
    folder: Path, peak: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = loaded(folder, gpu_memory_bytes=700_000_000, slots=3, max_context_tokens=256)
    forward = model.network.forward

    def too_large(rows: Any) -> torch.Tensor:
        if peak is None and len(rows) == 3:
            raise OutOfMemory
        return forward(rows)

    monkeypatch.setattr(model.network, "forward", too_large)
    monkeypatch.setattr(rehearsal, "peak_bytes", lambda device: peak)
    with pytest.raises(UnfitError) as refused:
        model.rehearse()
    assert ("took 0.80 GB" if peak else "ran out of memory") in str(refused.value)
    assert "for 3 slots of 256 tokens" in str(refused.value)
    assert "GPU_MEMORY_BYTES allows 0.70 GB" in str(refused.value)


def test_a_photo_that_fills_the_context_alone_is_refused(folder: Path) -> None:
    model = loaded(folder, max_context_tokens=64, slots=1)
    published = {"shortest_edge": 65536, "longest_edge": 16777216}
    model._prompts._image_processor.size = published
    with pytest.raises(UnfitError, match="more than a context of 64"):
        model.rehearse()
