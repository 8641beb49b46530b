"""Replicas of one checkpoint whose answers differ have different revisions, and no others."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from inference.config import Settings
from inference.model.checkpoint import load_checkpoint
from inference.model.unfit import UnfitError
from loadtest.random_checkpoint import SHAPE_TINY, make_checkpoint


def test_settings_that_change_answers_are_part_of_the_revision(model_folder: Path) -> None:
    def revision(**settings: Any) -> str:
        made = Settings(_env_file=None, checkpoint=str(model_folder), **settings)
        return load_checkpoint(made).facts.revision

    plain = revision()
    assert len(plain) == 12
    # What the default is here, or bounds no photo; and what changes no answer.
    assert revision(dtype="float32", max_image_tokens=1024, slots=2, torch_threads=1) == plain
    assert revision(dtype="bfloat16") == f"{plain}-bfloat16"
    assert revision(max_image_tokens=4) == f"{plain}-4tokens"
    # Ops' own name is theirs alone.
    assert revision(model_revision="autumn", dtype="bfloat16") == "autumn"


def test_weights_that_are_no_part_of_the_revision_are_not_loaded(tmp_path: Path) -> None:
    folder = make_checkpoint(tmp_path / "tiny", SHAPE_TINY)
    weights = folder / "model.safetensors"
    torch.save(load_file(weights), folder / "pytorch_model.bin")
    weights.unlink()
    settings = Settings(_env_file=None, checkpoint=str(folder))
    with pytest.raises(UnfitError, match=r"cannot be loaded: .* model\.safetensors"):
        load_checkpoint(settings)


WEIGHTS = "model.safetensors"
GATE = "model.language_model.layers.0.mlp.gate_proj.weight"


def rewritten(folder: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> None:
    weights = load_file(folder / WEIGHTS)
    change(weights)
    save_file(weights, folder / WEIGHTS, {"format": "pt"})


@pytest.mark.parametrize(
    "change",
    [
        lambda weights: weights.pop(GATE),
        lambda weights: weights.update({GATE: weights[GATE][1:].clone()}),
        lambda weights: weights.update({f"base.{GATE}": weights.pop(GATE)}),
    ],
)
def test_weights_that_the_files_lack_are_not_made_up(
    model_folder: Path, tmp_path: Path, change: Callable[[dict[str, torch.Tensor]], object]
) -> None:
    """transformers would, others at each start, under the same revision."""
    folder = tmp_path / "tiny"
    shutil.copytree(model_folder, folder)
    rewritten(folder, change)
    with pytest.raises(UnfitError, match=f"another shape: 1, such as {GATE}"):
        load_checkpoint(Settings(_env_file=None, checkpoint=str(folder)))


@pytest.mark.parametrize(
    ("file", "content"),
    [
        (WEIGHTS, b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 4556288\n"),
        (WEIGHTS, None),
        ("tokenizer.json", b"{}"),
        ("shopsight.json", b"{"),
    ],
)
def test_a_damaged_file_ends_the_start_with_a_sentence(
    model_folder: Path, tmp_path: Path, file: str, content: bytes | None
) -> None:
    """Such as a pointer of Git LFS, or half of a download."""
    folder = tmp_path / "tiny"
    shutil.copytree(model_folder, folder)
    if content is None:
        content = (folder / file).read_bytes()[:-1]
    (folder / file).write_bytes(content)
    with pytest.raises(UnfitError, match="tiny cannot be loaded: "):
        load_checkpoint(Settings(_env_file=None, checkpoint=str(folder)))
