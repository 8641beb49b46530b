"""What a merchant's spreadsheet is given back."""

import csv
from pathlib import Path
from typing import Any

import pytest

from gateway.cli.catalogue import CARD, CHAT, Item, answer_of, parts_of, write_csv
from gateway.cli.progress import line


def item(folder: Path, number: int, question: str = "", size: int = 10) -> Item:
    path = folder / f"{number}.jpg"
    path.write_bytes(b"x" * size)
    return Item(number, {"photo": path.name, "answer": "own"}, path, question)


def result(body: dict[str, Any], status: int = 200) -> dict[str, Any]:
    return {"custom_id": "a", "response": {"status_code": status, "body": body}, "error": None}


def test_a_card_becomes_columns() -> None:
    card = {"category": "bag", "materials": ["leather", "steel"], "confidence": 0.9}
    body = {"id": "card-1", "object": "product.card", "model": "m", "card": card, "usage": {}}
    assert answer_of(result(body)) == card


@pytest.mark.parametrize(
    ("told", "columns"),
    [
        (result({"error": {"code": "content_blocked"}}, 422), {"error": "content_blocked"}),
        (
            {"custom_id": "a", "response": None, "error": {"code": "batch_expired"}},
            {"error": "batch_expired"},
        ),
        (
            result({"choices": [{"message": {"content": "yes"}, "finish_reason": "stop"}]}),
            {"answer": "yes"},
        ),
        (
            result({"choices": [{"message": {"content": "ye"}, "finish_reason": "length"}]}),
            {"answer": "ye", "error": "length"},
        ),
    ],
)
def test_an_answer_and_a_failure_are_told_apart(
    told: dict[str, Any], columns: dict[str, Any]
) -> None:
    assert answer_of(told) == columns


def test_a_spreadsheet_gets_texts_and_no_formulas(tmp_path: Path) -> None:
    items = [item(tmp_path, n) for n in range(3)]
    answers = {
        items[0].id: {"answer": '=HYPERLINK("http://x")', "colours": ["-red", "2"]},
        items[1].id: {"answer": "-12.5", "colours": None},
    }
    write_csv(tmp_path / "out.csv", ["photo", "answer"], items, answers)
    with (tmp_path / "out.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["photo", "answer", "answer (Shopsight)", "colours", "error"]
    assert rows[0]["answer"] == "own"
    assert rows[0]["answer (Shopsight)"] == '\'=HYPERLINK("http://x")'
    assert rows[0]["colours"] == "'-red; 2"
    assert rows[1]["answer (Shopsight)"] == "-12.5"
    assert rows[2]["error"] == "not answered"


def test_files_of_a_catalogue_have_one_endpoint_and_a_bound(tmp_path: Path) -> None:
    items = [item(tmp_path, n, "what?" if n % 2 else "", size=30_000) for n in range(8)]
    parts = list(parts_of(items, max_bytes=100_000, max_lines=3))
    assert [part[0].endpoint for part in parts] == [CARD, CARD, CHAT, CHAT]
    assert sorted(each.number for part in parts for each in part) == list(range(8))
    assert [len(part) for part in parts_of(items, 10**9, 3)] == [3, 1, 3, 1]


def test_the_line_of_progress() -> None:
    half = line(1000, 500, 2, 3_725.0, "answered", "in progress")
    bar = f"[{'#' * 15}{' ' * 15}]"
    assert half == f"{bar} 500/1000 answered, 2 failed, 1:02:05 left (in progress)"
    assert line(0, 0, 0, None, "answered") == f"[{'#' * 30}] 0/0 answered"
