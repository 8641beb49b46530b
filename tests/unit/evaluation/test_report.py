"""Figures, the verdict, and the page with whatever a model may write."""

import json
from collections import Counter
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any

import pytest

from gateway.evaluation.answers import ModelAnswer
from gateway.evaluation.figures import Judged, TokenPrice
from gateway.evaluation.lines import SetLine
from gateway.evaluation.page import page
from gateway.evaluation.report import Report
from gateway.evaluation.verdict import Missed, Requirement, UnknownFigure, Worse

HOSTILE = "</style><script>alert(1)</script><img src=https://evil.example/x onerror=x>&amp;\x00‮"
AT = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)


def judged(number: int, *texts: str, **more: Any) -> Judged:
    expected = {"answer": "bag", "language": "en"}
    line = SetLine.model_validate(
        {"id": str(number), "question": "what?", "expected": expected, **more}
    )
    answers = [
        ModelAnswer(text=text, seconds=number / 10, prompt_tokens=100, completion_tokens=10)
        for text in texts
    ]
    return Judged.of(line, answers)


def report(lines: list[Judged], *names: str, **more: Any) -> Report:
    return Report.of("set.jsonl", names or ("r1", "r2"), lines, made_at=AT, **more)


RIGHT, WRONG = "a bag", "a cup"


def test_two_revisions_are_compared_line_by_line() -> None:
    lines = [judged(n, RIGHT, RIGHT) for n in range(6)]
    lines += [judged(6, RIGHT, WRONG), judged(7, RIGHT, WRONG), judged(8, WRONG, RIGHT)]
    lines += [judged(9, WRONG, WRONG)]
    found = report(lines, tolerance=0.02)
    by_name = {figure.name: figure for figure in found.figures}
    assert list(by_name) == ["all", "answered", "answer", "language"]
    answer = by_name["answer"]
    assert [share.value for share in answer.shares] == [0.8, 0.7]
    assert answer.change is not None
    assert (answer.change.better, answer.change.worse) == (1, 2)
    assert answer.change.difference == pytest.approx(-0.1)
    assert answer.change.chance == 1.0
    assert answer.worse_lines == ("6", "7")
    assert [each.line.id for each in found.disagreements] == ["6", "7", "8"]
    assert [each.line.id for each in found.wrong_alike] == ["9"]
    assert {f.figure.name for f in found.failures if isinstance(f, Worse)} == {"all", "answer"}
    assert not found.passed
    assert report(lines, tolerance=0.1).passed
    assert report(lines, tolerance=None).passed


def test_what_is_required_is_required_of_the_newer_revision() -> None:
    lines = [judged(n, WRONG, RIGHT if n else WRONG) for n in range(10)]
    passing = [Requirement.parse(text) for text in ("answer>=0.9", "latency.p95<=0.9", "cost<=1")]
    assert report(lines, required=passing, prices=[None, TokenPrice(1, 2)]).passed
    (missed,) = report(lines, required=[Requirement.parse("answer>=0.91")]).failures
    assert isinstance(missed, Missed)
    assert missed.value == 0.9
    (slow,) = report(lines, required=[Requirement.parse("latency.p50<=0.4")]).failures
    assert isinstance(slow, Missed)
    with pytest.raises(UnknownFigure, match="answer, language"):
        report(lines, required=[Requirement.parse("card.colours>=0.9")])


@pytest.mark.parametrize("text", ["answer", "answer>0.9", "answer>=", ">=1", "answer>=x"])
def test_what_is_no_requirement_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no requirement"):
        Requirement.parse(text)


def test_times_tokens_and_cost_are_those_of_each_revision() -> None:
    found = report(
        [judged(n, RIGHT, WRONG) for n in range(1, 11)], prices=[TokenPrice(2, 10), None]
    )
    first, second = found.efforts
    assert (first.p50_s, first.p95_s) == (pytest.approx(0.55), pytest.approx(0.955))
    assert (first.prompt_tokens, first.completion_tokens) == (1000, 100)
    assert (first.cost, second.cost) == (pytest.approx(0.003), None)
    assert report([judged(1, RIGHT)], "r1").efforts[0].p95_s == pytest.approx(0.1)


class Tags(HTMLParser):
    """The elements of a page, and its addresses."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.count: Counter[str] = Counter()
        self.addresses: list[str] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.count[tag] += 1
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]
        assert not [name for name, _ in attrs if name.startswith("on")]

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_whatever_a_model_writes_is_text_on_the_page(language: Any) -> None:
    lines = [judged(1, HOSTILE, f"bag {HOSTILE}"), judged(2, HOSTILE, HOSTILE)]
    lines += [judged(3, RIGHT, HOSTILE, question=HOSTILE, expected={"answer": HOSTILE})]
    card = {"photo": "img_1", "expected": {"card": {"category": "bag"}}}
    # Half of a character, which JSON can spell and no file can hold.
    hostile = ModelAnswer(card={HOSTILE: ["\ud800"], "category": f"{HOSTILE}\ud800"})
    lines.append(Judged.of(SetLine.model_validate({"id": HOSTILE, **card}), [hostile, hostile]))
    found = Report.of(HOSTILE, [HOSTILE, "r2"], lines, made_at=AT, tolerance=0.0)
    text = page(found, language, lambda judged: ["data:image/jpeg;base64,AAAA"])
    tags = Tags(text.encode().decode())  # no half of a character is left
    assert tags.count["script"] == 0
    assert tags.count["style"] == 1
    assert set(tags.addresses) == {"data:image/jpeg;base64,AAAA"}
    assert tags.count["img"] == 4
    assert any("<script>alert(1)</script>" in each for each in tags.texts)
    assert "default-src 'none'" in text
    assert "\x00" not in text


def test_a_page_says_what_failed_and_shows_the_lines_that_differ() -> None:
    lines = [judged(n, RIGHT, RIGHT if n > 3 else WRONG) for n in range(20)]
    required = [Requirement.parse("language>=1"), Requirement.parse("answer>=0.99")]
    failed = report(lines, required=required, tolerance=0.02)
    english, chinese = (page(failed, language, lambda each: []) for language in ("en", "zh"))
    assert "answer ≥ 0.99 is required, and it is 0.8." in english
    assert "The answer fell by 20.0 %, and 2.0 % is allowed." in english
    assert "p = 0.12" in english
    assert "Where A and B differ (4)" in english
    assert "A 与 B 不一致的题目 (4)" in chinese
    assert 'lang="zh"' in chinese
    passed = page(report([judged(1, RIGHT)], "r1"), "en", lambda each: [])
    assert "Everything that was required holds." in passed
    assert "only A right" not in passed


def test_the_json_has_every_answer_and_what_is_wrong_about_it() -> None:
    told = report([judged(1, RIGHT, "一个杯子")], tolerance=0.02).as_json()
    assert json.loads(json.dumps(told)) == told
    assert told["passed"] is False
    assert told["figures"]["answer"]["change"] == {
        **{"difference": -1.0, "interval": [-1.0, 0.7335], "better": 0, "worse": 1, "p": 1.0},
        "worse_lines": ["1"],
    }
    assert told["results"][0]["wrong"] == [{}, {"answer": "一个杯子", "language": "zh"}]
    assert {"worse": "answer", "by_more_than": 0.02} in told["failures"]
