"""Replicas of one checkpoint whose answers differ have different revisions, and no others."""

from pathlib import Path
from typing import Any

from inference.config import Settings
from inference.model.checkpoint import load_checkpoint


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
