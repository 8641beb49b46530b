"""How often the rules name a question's intent as a person would. The figures of docs/analysts.md:
`python -m tests.unit.log.test_intent`."""

import re
from collections import Counter
from pathlib import Path

from contract.text.language import language_of
from gateway.log.texts.intent import INTENTS, intent_of
from tests.support import ROOT

HERE = Path(__file__).parent
DOCUMENT = ROOT / "docs" / "analysts.md"


def labelled() -> list[tuple[str, str]]:
    lines = (HERE / "intents.tsv").read_text().splitlines()
    return [(line.split("\t")[0], line.split("\t")[1]) for line in lines if line[0] != "#"]


def accuracy(pairs: list[tuple[str, str]]) -> float:
    return sum(intent_of(question) == intent for intent, question in pairs) / len(pairs)


def figures() -> str:
    """Accuracy on the half that the rules were not written with, by language."""
    held_out = labelled()[1::2]
    zh = [pair for pair in held_out if language_of(pair[1]) == "zh"]
    en = [pair for pair in held_out if language_of(pair[1]) != "zh"]
    return (
        f"{accuracy(held_out):.0%} of {len(held_out)} held-out questions"
        f" ({accuracy(zh):.0%} of {len(zh)} Chinese, {accuracy(en):.0%} of {len(en)} English)"
    )


def test_every_intent_has_labelled_questions_in_both_languages() -> None:
    found = Counter((intent, language_of(question) == "zh") for intent, question in labelled())
    assert {intent for intent, _ in found} == set(INTENTS)
    assert min(found.values()) >= 5


def test_the_document_says_how_often_the_rules_are_right() -> None:
    text = re.sub(r"\s+", " ", DOCUMENT.read_text())
    assert figures() in text, f"docs/analysts.md should say: {figures()}"


def test_the_first_of_two_things_asked_decides() -> None:
    assert intent_of("适合送给妈妈吗?这是什么品牌?") == "gift"
    assert intent_of("这是什么品牌?适合送给妈妈吗?") == "brand"


def test_full_width_and_case_change_nothing() -> None:
    assert intent_of("ＷＨＡＴ　ＢＲＡＮＤ?") == intent_of("what brand?") == "brand"


if __name__ == "__main__":
    print(figures())
    for expected, question in labelled()[0::2]:
        if intent_of(question) != expected:
            print(f"{expected:>13} taken for {intent_of(question):<13} {question}")
