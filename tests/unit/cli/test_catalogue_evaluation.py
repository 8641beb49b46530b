"""What a catalogue's columns expect, and how its results are judged."""

from pathlib import Path
from typing import Any

import pytest

from gateway.cli.catalogue import Item
from gateway.cli.catalogue_evaluation import line_of, report_of
from gateway.evaluation.lines import Accepted
from tests.support.cards import CARD

USAGE = {"prompt_tokens": 7, "completion_tokens": 3}


def item(number: int, folder: Path, question: str = "", **row: str) -> Item:
    photo = folder / f"{number}.jpg"
    photo.write_bytes(b"x")
    return Item(number, row, photo, question)


def result(**body: Any) -> dict[str, Any]:
    told = {"usage": USAGE, "finish_reason": "stop", "model_revision": "r1", **body}
    return {"response": {"status_code": 200, "body": told}, "error": None}


@pytest.mark.parametrize(
    ("column", "cell", "expected"),
    [
        ("Expected colours", "red|红色", {"colours": ("red", "红色")}),
        (
            "期望颜色",
            "红色；黑色|black",
            {"colours": Accepted(all_of=(("红色",), ("黑色", "black")))},
        ),
        ("expected.category", " handbag ", {"category": ("handbag",)}),
        ("expected", "red", {}),
        ("expected price", "5", {}),
        ("colours", "red", {}),
        ("expected style", "", {}),
    ],
)
def test_a_column_expects(tmp_path: Path, column: str, cell: str, expected: Any) -> None:
    line = line_of(item(1, tmp_path, **{column: cell}))
    assert (line.task, line.expected.card) == ("card", expected)
    assert "price" in line.forbidden.claims


def test_results_of_cards_are_judged_and_what_is_not_answered_is_wrong(tmp_path: Path) -> None:
    rows = [item(n, tmp_path, **{"期望品类": "手提包", "期望颜色": "棕色"}) for n in range(4)]
    results: dict[str, Any] = {
        rows[0].id: result(card=CARD),
        rows[1].id: result(card={**CARD, "colours": ["红色"], "materials": ["100%棉"]}),
        rows[2].id: {"response": None, "error": {"code": "batch_expired"}},
    }
    report = report_of("c.csv", rows, results.get, [])
    shares = {figure.name: figure.shares[0].right for figure in report.figures}
    assert shares["card.category"] == 2
    assert shares["card.colours"] == 1
    assert shares["claims.fibre"] == 3
    assert (shares["answered"], shares["all"]) == (2, 1)
    assert report.names == ("r1",)
    assert [each.answers[0].error for each in report.judged] == [
        *(None, None, "batch_expired", "not_answered")
    ]
    assert report.efforts[0].prompt_tokens == 14
