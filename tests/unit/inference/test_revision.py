"""inference/model/revision.py: what answers otherwise has another name."""

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from inference.model import revision
from inference.model.revision import fingerprint, revision_of

FILE = "model.safetensors"


@pytest.fixture(params=["whole", "in samples"])
def folder(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of five tensors the second is too short for a stride, and others have several."""
    if request.param == "in samples":
        monkeypatch.setattr(revision, "WHOLE_BYTES", 1000)
        monkeypatch.setattr(revision, "SAMPLE_BYTES", 64)
        monkeypatch.setattr(revision, "STRIDE_BYTES", 1024)
    tensors = {
        f"layer.{n}": np.full((8, 8 if n == 1 else 100), n + 1, np.float32) for n in range(5)
    }
    save_file(tensors, tmp_path / FILE)
    (tmp_path / "config.json").write_text(json.dumps({"layers": 5}))
    return tmp_path


def found(folder: Path) -> str:
    return fingerprint(sorted(folder.iterdir()))


@pytest.mark.parametrize("name", [f"layer.{n}" for n in range(5)])
def test_no_tensor_may_change_without_another_fingerprint(folder: Path, name: str) -> None:
    before = found(folder)
    tensors = load_file(folder / FILE)
    tensors[name] = tensors[name] * 2
    save_file(tensors, folder / FILE)
    assert found(folder) != before
    tensors[name] = tensors[name] / 2
    save_file(tensors, folder / FILE)
    assert found(folder) == before


def test_the_same_bytes_under_other_names_are_other_weights(folder: Path) -> None:
    before = found(folder)
    file = folder / FILE
    file.write_bytes(file.read_bytes().replace(b'"layer.3"', b'"layer.9"'))
    assert found(folder) != before


def test_a_vocabulary_counts_as_a_whole_and_what_no_answer_hangs_on_does_not(folder: Path) -> None:
    before = found(folder)
    (folder / "README.md").write_text("about it")
    assert found(folder) == before
    config = folder / "config.json"
    config.write_text(config.read_text().replace("5", "6"))
    assert found(folder) != before


def test_a_large_file_of_another_kind_is_hashed_in_samples_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(revision, "WHOLE_BYTES", 1000)
    monkeypatch.setattr(revision, "STRIDE_BYTES", 1024)
    file = tmp_path / "words.txt"
    names = set()
    for text in ("a" * 5000, "a" * 4999 + "b", "a" * 4096 + "b" * 904, "\0" * 5000):
        file.write_text(text)
        names.add(fingerprint([file]))
    assert len(names) == 4


def test_what_is_set_otherwise_is_named(folder: Path) -> None:
    files = sorted(folder.iterdir())
    plain = revision_of(files, "none", None, None)
    assert plain == fingerprint(files)
    assert revision_of(files, "int4", None, 256) == f"{plain}-int4-256tokens"
    assert revision_of(files, "none", "float16", None) == f"{plain}-float16"
    longest = revision_of(files, "int4", "bfloat16", 2**40)
    assert len(longest) <= 64, "the log's column has no more"
