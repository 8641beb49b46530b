"""How often the classifier names a question's intent as a person would: the figures of
docs/analysts.md (`make intent-eval`)."""

import re
from collections import Counter

import pytest

from contract.text.language import language_of
from gateway.log.intents.intent import INTENTS, intent_of
from gateway.log.intents.training.compose import composed, read_grammar
from tests.support import ROOT
from tests.unit.log.intent_eval import FIRST_SET, HELD_OUT, in_language, labelled, right

DOCUMENT = ROOT / "docs" / "analysts.md"


def figures() -> str:
    """On questions that nobody has seen who made the classifier."""
    pairs = labelled(*HELD_OUT)
    zh, en = in_language(pairs, "zh"), in_language(pairs, "en")
    return (
        f"{right(pairs):.0%} of {len(pairs)} held-out questions"
        f" ({right(zh):.0%} of {len(zh)} Chinese, {right(en):.0%} of {len(en)} English)"
    )


@pytest.mark.parametrize("path", [FIRST_SET, *HELD_OUT], ids=lambda path: path.stem)
def test_every_intent_has_labelled_questions(path: object) -> None:
    pairs = labelled(path)  # type: ignore[arg-type]
    found = Counter(intent for intent, _ in pairs)
    assert set(found) == set(INTENTS)
    assert min(found.values()) >= 10


def test_the_document_says_how_often_the_classifier_is_right() -> None:
    text = re.sub(r"\s+", " ", DOCUMENT.read_text())
    assert figures() in text, f"docs/analysts.md should say: {figures()}"


def test_the_first_of_two_things_asked_decides() -> None:
    assert intent_of("适合送给妈妈吗?这是什么品牌?") == "gift"
    assert intent_of("这是什么品牌?适合送给妈妈吗?") == "brand"


def test_full_width_case_and_traditional_characters_change_nothing() -> None:
    assert intent_of("ＷＨＡＴ　ＢＲＡＮＤ?") == intent_of("what brand?") == "brand"
    assert intent_of("這是什麼顏色的") == intent_of("这是什么颜色的") == "colour"


@pytest.mark.parametrize("question", ["", " ", "?!", "🙂", "\ud800", "a" * 100_000, "好" * 100_000])
def test_whatever_is_typed_has_an_intent(question: str) -> None:
    assert intent_of(question) in INTENTS


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_grammar_fills_every_place_of_every_intent(language: str) -> None:
    assert set(read_grammar(language).patterns) == set(INTENTS)
    made = composed(language, 2)
    assert not [question for _, question in made if "{" in question]
    zh = sum(language_of(question) == "zh" for _, question in made)
    assert (zh > len(made) * 0.9) == (language == "zh")
    assert made == composed(language, 2)  # the same texts give the same weights
