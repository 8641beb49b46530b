"""From an uploaded file to the lines of a batch: places, order, persons."""

import codecs
import json
from pathlib import Path
from typing import Any

import pytest

from contract.http import MAX_BODY_BYTES
from contract.json_body import MAX_DEPTH, parse_object
from gateway.batch import check
from gateway.batch.check import UnusableFileError, check_file, photo_of, raw_lines

CHAT = "/v1/chat/completions"


def line(custom_id: str, photo: str | None = None, **body: Any) -> dict[str, Any]:
    content: list[Any] = [{"type": "text", "text": "what?"}]
    if photo is not None:
        content.insert(0, {"type": "image_url", "image_url": {"url": photo}})
    body = {"messages": [{"role": "user", "content": content}], **body}
    return {"custom_id": custom_id, "method": "POST", "url": CHAT, "body": body}


def written(path: Path, *lines: Any) -> Path:
    raw = [each if isinstance(each, bytes) else json.dumps(each).encode() for each in lines]
    path.write_bytes(b"\n".join(raw))
    return path


def codes(path: Path) -> list[tuple[int | None, str]]:
    with pytest.raises(UnusableFileError) as caught:
        check_file(path, CHAT, str)
    return [(error.line, error.code) for error in caught.value.errors]


def test_each_line_is_where_it_says(tmp_path: Path) -> None:
    path = written(tmp_path / "f", line("a"), b"", b"  ", line("鞋", user="u"), line("c"))
    found = check_file(path, CHAT, lambda user: f"#{user}")
    assert [(each.number, each.custom_id, each.user_pseudonym) for each in found] == [
        *((1, "a", None), (4, "鞋", "#u"), (5, "c", None)),
    ]
    data = path.read_bytes()
    for each in found:
        raw = data[each.position : each.position + each.length]
        assert json.loads(raw)["custom_id"] == each.custom_id


def test_a_mark_of_byte_order_before_the_first_line_is_passed_over(tmp_path: Path) -> None:
    path = written(tmp_path / "f", codecs.BOM_UTF8 + json.dumps(line("a")).encode(), line("b"))
    found = check_file(path, CHAT, str)
    assert [(each.number, each.custom_id) for each in found] == [(1, "a"), (2, "b")]
    data = path.read_bytes()
    for each in found:
        raw = data[each.position : each.position + each.length]
        assert json.loads(raw)["custom_id"] == each.custom_id
    path.write_bytes(codecs.BOM_UTF8)
    assert codes(path) == [(None, "empty_file")]
    path.write_bytes(b"\n" + codecs.BOM_UTF8 + json.dumps(line("a")).encode())
    assert codes(path) == [(2, "invalid_json_line")], "elsewhere it is none"


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        (b'"custom_id": "a"', b'"custom_id": "b", "custom_id": "a"'),
        (b'"temperature": 1', b'"temperature": 2, "temperature": 1'),
        (b'"temperature": 1', b'"t\\u0065mperature": 2, "temperature": 1'),
        (b'"temperature": 1', b'"temperature": 1e400'),
        (b'"temperature": 1', b'"temperature": ' + b"[" * 32 + b"]" * 32),
    ],
)
def test_a_line_that_no_live_request_could_be_is_an_error(
    tmp_path: Path, right: bytes, wrong: bytes
) -> None:
    raw = json.dumps(line("a", temperature=1)).encode()
    assert right in raw
    path = written(tmp_path / "f", line("0"), raw.replace(right, wrong))
    assert codes(path) == [(2, "invalid_json_line")]


def test_a_line_may_be_as_deep_as_its_body_may_be_live(tmp_path: Path) -> None:
    deep: Any = 1
    for _ in range(MAX_DEPTH - 2):
        deep = [deep]
    value = line("a", temperature=deep)
    parse_object(json.dumps(value["body"]).encode())
    assert len(check_file(written(tmp_path / "f", value), CHAT, str)) == 1


def test_lines_about_one_photo_stand_behind_its_first(tmp_path: Path) -> None:
    photos = ["p1", "p2", None, "p1", "p3", "p2", None]
    path = written(tmp_path / "f", *(line(str(n), p) for n, p in enumerate(photos)))
    assert [each.custom_id for each in check_file(path, CHAT, str)] == list("0315246")


def test_the_photo_of_a_question_is_found_in_every_form() -> None:
    assert photo_of(line("a", "img_1")["body"]) == photo_of({"image_id": "img_1", "prompt": "x"})
    assert photo_of({"image": "abc", "prompt": "x"}) != photo_of({"image": "abd", "prompt": "x"})
    assert photo_of(line("a")["body"]) == b""


def test_a_line_that_is_too_long_is_an_error_and_the_next_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check, "MAX_BODY_BYTES", 400)
    path = written(tmp_path / "f", line("a", "x" * 2_000), line("b"), line("b"))
    assert codes(path) == [(1, "line_too_large"), (3, "duplicate_custom_id")]
    data = path.read_bytes()
    with path.open("rb") as file:
        found = list(raw_lines(file))
    assert [number for number, _, _ in found] == [1, 2, 3]
    assert all(data[position:].startswith(raw) for _, position, raw in found)
    assert MAX_BODY_BYTES > 13e6, "a photo of 10 MB fits"


def test_errors_and_lines_have_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path / "f", *[b"x"] * 500)
    assert len(codes(path)) == check.MAX_ERRORS
    monkeypatch.setattr(check, "MAX_LINES", 2)
    path = written(tmp_path / "f", *(line(str(n)) for n in range(3)))
    assert codes(path) == [(3, "too_many_lines")]


@pytest.mark.parametrize("custom_id", ["", 7, None, "x" * 513])
def test_a_custom_id_is_a_text_of_some_length(tmp_path: Path, custom_id: Any) -> None:
    bad = {**line("a"), "custom_id": custom_id}
    assert codes(written(tmp_path / "f", bad)) == [(1, "invalid_custom_id")]
