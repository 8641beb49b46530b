"""Sets: what a line may say, and what is told about one that cannot be used."""

import json
from pathlib import Path
from typing import Any

import pytest

from gateway.evaluation.lines import BadSet, Forbidden, read_set
from gateway.evaluation.photos import SetPhoto, check_photos, photos_of
from tests.support import ROOT
from tests.support.asking import data_uri, photo

SHIPPED = sorted((ROOT / "demo_model" / "evaluation").glob("*.jsonl"))


def written(folder: Path, *lines: Any) -> Path:
    file = folder / "set.jsonl"
    texts = (line if isinstance(line, str) else json.dumps(line) for line in lines)
    file.write_text("\n".join(texts))
    return file


ASKED = {"question": "what?", "expected": {"answer": "bag"}}


def test_the_task_follows_from_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(photo())
    lines = (
        {"require": ["answer>=0.5"]},
        {"photo": "a.jpg", **ASKED},
        "",
        {"photo": "a.jpg", "expected": {"card": {"category": None, "colours": ["red"]}}},
        {"photo": "img_1", "text": "red bag", "expected": {"match": True}},
        {"id": "own", "question": "how much?", "forbidden": ["price"]},
        {
            "photo": ["a.jpg", data_uri(photo(2))],
            "question": "which?",
            "forbidden": {"phrases": ["x"]},
        },
    )
    found = read_set(written(tmp_path, *lines))
    check_photos(found)
    assert found.require == ("answer>=0.5",)
    assert [(line.id, line.task) for line in found.lines] == [
        *(("line 2", "ask"), ("line 4", "card"), ("line 5", "match")),
        *(("own", "ask"), ("line 7", "ask")),
    ]
    assert found.lines[3].forbidden == Forbidden(claims=("price",))
    names = [[each.name for each in photos_of(line, tmp_path)] for line in found.lines]
    assert names == [["a.jpg"], ["a.jpg"], ["img_1"], [], ["a.jpg", "photo"]]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "no JSON"),
        ("[1]", "valid dict"),
        ({"question": "what?"}, "nothing is expected"),
        ({**ASKED, "answer": "bag"}, "answer"),
        ({**ASKED, "photo": "img_1", "text": "bag"}, "no text"),
        ({"photo": "img_1", "text": "bag", "expected": {"answer": "x", "match": True}}, "does not"),
        ({"photo": "img_1", "expected": {"card": {"price": "1"}}}, "expected.card"),
        ({"expected": {"card": {"style": "plain"}}}, "one photo"),
        ({**ASKED, "forbidden": ["prise"]}, "forbidden.claims"),
        ({"question": "?", "expected": {"answer": {"regex": "(("}}}, "no regular expression"),
        ({**ASKED, "language": "en"}, "own language"),
    ],
)
def test_a_line_that_cannot_be_used_is_named(tmp_path: Path, line: Any, reason: str) -> None:
    with pytest.raises(BadSet, match=r"set\.jsonl, line 2: .*") as caught:
        read_set(written(tmp_path, ASKED, line))
    assert reason in str(caught.value)


def test_a_set_has_lines_and_each_id_once(tmp_path: Path) -> None:
    with pytest.raises(BadSet, match="no questions"):
        read_set(written(tmp_path, {"require": []}))
    with pytest.raises(BadSet, match="2 lines have the id 'a'"):
        read_set(written(tmp_path, {**ASKED, "id": "a"}, {**ASKED, "id": "a"}))
    (tmp_path / "set.jsonl").write_bytes("问".encode("gb18030"))
    with pytest.raises(BadSet, match="UTF-8"):
        read_set(tmp_path / "set.jsonl")


@pytest.mark.parametrize("name", ["nowhere.jpg", "text.jpg", "data:image/png;base64,!!"])
def test_a_photo_that_is_none_is_told_before_anything_is_asked(tmp_path: Path, name: str) -> None:
    (tmp_path / "text.jpg").write_text("hello")
    found = read_set(written(tmp_path, {**ASKED, "photo": name}))
    with pytest.raises(BadSet, match="line 1"):
        check_photos(found)


def test_a_small_photo_for_the_page_has_no_metadata_and_is_small(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(photo())
    small = SetPhoto("a.jpg", tmp_path / "a.jpg").thumbnail()
    assert small is not None
    assert small.startswith("data:image/jpeg;base64,")
    assert SetPhoto("img_1", None).thumbnail() is None


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.name)
def test_the_sets_of_the_project_can_be_used(file: Path) -> None:
    check_photos(read_set(file))


def test_there_is_a_set_that_passes_and_one_that_does_not() -> None:
    assert [file.name for file in SHIPPED] == ["shop.jsonl", "shop_fails.jsonl"]
