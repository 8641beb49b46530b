from pathlib import Path

import pytest

from inference.fetch import check, fingerprint, remember


@pytest.fixture
def snapshot(tmp_path: Path) -> Path:
    folder = tmp_path / "models--org--name" / "snapshots" / ("c" * 40)
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"weights")
    return folder


def test_other_weights_under_the_same_name_are_refused(snapshot: Path) -> None:
    found = check(snapshot, "")
    assert check(snapshot, found.upper()) == found
    (snapshot / "model.safetensors").write_bytes(b"Weights")
    with pytest.raises(SystemExit, match="other weights"):
        check(snapshot, found)


def test_a_file_more_or_of_another_name_is_noticed(snapshot: Path) -> None:
    before = fingerprint(snapshot)
    (snapshot / "README.md").write_text("no part of the model")
    assert fingerprint(snapshot) == before
    (snapshot / "config.json").rename(snapshot / "settings.json")
    renamed = fingerprint(snapshot)
    (snapshot / "more.json").write_text("{}")
    assert len({before, renamed, fingerprint(snapshot)}) == 3


def test_a_revision_is_loaded_by_its_name_alone(snapshot: Path) -> None:
    remember(snapshot)
    assert (snapshot.parent.parent / "refs" / "main").read_text() == "c" * 40
