"""What is right about an answer."""

from typing import Any

import pytest

from gateway.evaluation.answers import ModelAnswer, NoAnswer
from gateway.evaluation.judging import judge
from gateway.evaluation.lines import SetLine
from gateway.evaluation.texts import has_phrase, overlap


def line(**fields: Any) -> SetLine:
    return SetLine.model_validate({"id": "1", **fields})


def rights(asked: SetLine, answer: ModelAnswer) -> dict[str, bool]:
    return {check.figure: check.right for check in judge(asked, answer)}


def answer_is_right(expected: Any, text: str) -> bool:
    asked = line(question="what?", expected={"answer": expected})
    return rights(asked, ModelAnswer(text=text))["answer"]


@pytest.mark.parametrize(
    ("expected", "text", "right"),
    [
        ("leather", "It looks like LEATHER.", True),
        ("red", "It is bored with red-hot things.", True),
        ("red", "It is coloured.", False),
        ("皮革", "这是皮革材质。", True),
        ("KELVO", "品牌是ＫＥＬＶＯ。", True),
        (["canvas", "帆布"], "这是帆布包", True),
        (["canvas", "帆布"], "It is leather.", False),
        ({"all": ["red", ["bag", "handbag"]]}, "A red handbag.", True),
        ({"all": ["red", ["bag", "handbag"]]}, "A red wallet.", False),
        ({"any": ["yes"], "none": ["no"]}, "Yes, but no.", False),
        ({"none": ["no"]}, "Another thing.", True),
        ({"regex": r"\d+ cm"}, "It is 30 CM wide.", True),
        ({"regex": r"^\d"}, "About 30.", False),
    ],
)
def test_an_answer_has_what_is_accepted(expected: Any, text: str, right: bool) -> None:
    assert answer_is_right(expected, text) is right


@pytest.mark.parametrize(
    ("expected", "told", "right"),
    [
        (["red", "红色"], ["Red"], True),
        (["red"], ["red", "blue"], False),
        (["red"], [], False),
        ("handbag", "Handbag.", True),
        ("handbag", None, False),
        (None, None, True),
        ([], [], True),
        ([], ["red"], False),
        ({"any": ["mothers"]}, ["mothers", "friends"], True),
        ({"any": ["mothers"]}, ["friends"], False),
        ({"all": [["red", "红色"], ["blue"]]}, ["blue", "红色"], True),
        ({"all": ["red", "blue"]}, ["blue"], False),
        ({"none": ["brand"]}, ["price", "brand"], False),
        ({"regex": "^sun"}, ["Sunglasses"], True),
        ("handbag", {"odd": 1}, False),
    ],
)
def test_a_field_of_a_card_tells_what_is_accepted(expected: Any, told: Any, right: bool) -> None:
    asked = line(photo="img_1", expected={"card": {"colours": expected}})
    assert rights(asked, ModelAnswer(card={"colours": told}))["card.colours"] is right


@pytest.mark.parametrize(
    ("score", "wanted", "right"),
    [(0.5, True, True), (0.49, True, False), (0.49, False, True), (None, False, False)],
)
def test_a_match_is_yes_or_no(score: float | None, wanted: bool, right: bool) -> None:
    asked = line(photo="img_1", text="bag", expected={"match": wanted})
    assert rights(asked, ModelAnswer(score=score))["match"] is right


def test_languages_claims_and_phrases_are_figures_of_their_own() -> None:
    asked = line(
        question="多少钱？",
        expected={"language": "zh"},
        forbidden={"claims": ["price", "stock"], "phrases": ["最好"]},
    )
    told = ModelAnswer(text="售价 99 元，最好的。")
    assert rights(asked, told) == {
        **{"answered": True, "language": True, "claims.price": False, "claims.stock": True},
        "phrases": False,
    }
    assert rights(asked, ModelAnswer(text="No idea."))["language"] is False


def test_what_can_be_read_in_a_photo_is_no_claim_of_the_card() -> None:
    asked = line(photo="img_1", forbidden=["price", "fibre"])
    card = {"visible_text": ["¥99"], "materials": ["100% cotton"], "colours": ["red"]}
    found = rights(asked, ModelAnswer(card=card))
    assert (found["claims.price"], found["claims.fibre"]) == (True, False)


def test_without_an_answer_what_was_expected_is_wrong() -> None:
    asked = line(
        question="?", expected={"answer": {"none": ["x"]}, "unlike": "x"}, forbidden=["price"]
    )
    assert rights(asked, ModelAnswer(error="replica_failed")) == {
        **{"answered": False, "answer": False, "unlike": False, "claims.price": True}
    }
    card = line(photo="img_1", expected={"card": {"style": None}})
    assert rights(card, ModelAnswer(error="content_filter"))["card.style"] is False


def test_voted_answers_are_compared_as_a_whole() -> None:
    good = "这款手提包看起来是皮革，可能是真皮。"
    asked = line(question="?", expected={"like": good})
    assert rights(asked, ModelAnswer(text="这款手提包看起来像皮革，可能是真皮吧。"))["like"]
    assert not rights(asked, ModelAnswer(text="照片里没有商品。"))["like"]
    bad = line(question="?", expected={"unlike": "It is canvas."})
    assert not rights(bad, ModelAnswer(text="it is  Canvas."))["unlike"]
    assert rights(bad, ModelAnswer(text="It is leather."))["unlike"]


def test_overlap_is_the_f1_of_shared_tokens() -> None:
    assert overlap("the red bag", "a red bag") == pytest.approx(2 / 3)
    assert overlap("红色的包", "红色包") == pytest.approx(6 / 7)
    assert overlap("", "") == 1
    assert overlap("!", "bag") == 0


def test_a_phrase_ends_where_words_end() -> None:
    assert has_phrase("T恤很好", "T恤")
    assert has_phrase("用iPhone拍的", "iphone")
    assert not has_phrase("iPhones", "iPhone")


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        {"usage": {"prompt_tokens": 1, "completion_tokens": 1}},
        {"usage": {"prompt_tokens": 1, "completion_tokens": 1}, "choices": [{}]},
        {
            "usage": {"prompt_tokens": 1, "completion_tokens": 1},
            "choices": [{"finish_reason": "stop", "message": {"content": 5}}],
        },
    ],
)
def test_what_is_no_answer_is_refused(body: Any) -> None:
    with pytest.raises(NoAnswer):
        ModelAnswer.read("ask", body)


def test_an_answer_is_kept_and_read_again() -> None:
    usage = {"prompt_tokens": 3, "completion_tokens": 4}
    body = {"usage": usage, "score": 0.25, "finish_reason": "stop"}
    answer = ModelAnswer.read("match", body, 0.5)
    assert ModelAnswer.of_kept(answer.kept()) == answer
    blocked = ModelAnswer.read(
        "card", {"usage": usage, "card": None, "finish_reason": "content_filter"}
    )
    assert (blocked.error, blocked.prompt_tokens) == ("content_filter", 3)
