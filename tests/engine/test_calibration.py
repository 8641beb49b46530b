"""A checkpoint's calibration is read with it, and a broken one ends the start."""

import json
from pathlib import Path

import pytest

from contract.products.calibration import CALIBRATION_FILE, Calibration, LogOddsLine
from inference.config import Settings
from inference.model.checkpoint import load_checkpoint
from inference.model.unfit import UnfitError
from loadtest.random_checkpoint import SHAPE_TINY, make_checkpoint

LINE = {"slope": 1.5, "intercept": -0.5}


def load(folder: Path) -> dict[str, object] | None:
    settings = Settings(_env_file=None, checkpoint=str(folder))  # type: ignore[call-arg]
    return load_checkpoint(settings).facts.calibration


def test_it_lies_in_the_folder_and_a_broken_one_ends_the_start(tmp_path: Path) -> None:
    folder = make_checkpoint(tmp_path, SHAPE_TINY)
    assert load(folder) is None
    file = folder / CALIBRATION_FILE
    file.write_text(json.dumps({"card": {"style": LINE}, "match": LINE, "fitted_on": "8 pictures"}))
    found = Calibration.model_validate(load(folder))
    assert found.card == {"style": LogOddsLine(slope=1.5, intercept=-0.5)} == {"style": found.match}
    file.write_text('{"match": {"slope": "steep"}}')
    with pytest.raises(UnfitError, match=CALIBRATION_FILE):
        load(folder)
