"""Replicas of one checkpoint whose answers differ have different revisions, and no others."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

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
