"""An answer is judged more mildly than what a shopper writes: the one who reads it asked for it."""

from random import Random

import pytest

from contract.response import Delta
from demo_model.language.questions import ask
from demo_model.pictures.facts import scene_of
from gateway.moderation.stream import StreamScreen
from gateway.moderation.text import TextPolicy

BAG = "A handbag. "


@pytest.fixture(scope="module")
def policy() -> TextPolicy:
    return TextPolicy.load()


def test_no_answer_that_the_demo_model_learns_is_taken_away(policy: TextPolicy) -> None:
    learnt = {ask(Random(seed), scene_of(seed)).answer for seed in range(7_000_000, 7_001_000)}
    learnt |= {"I cannot see a product in this photo. Please upload a clear product photo."}
    assert len(learnt) > 700
    assert [text for text in learnt if policy.judge([text], "shop", "answer").blocked] == []
    for text in sorted(learnt)[::20]:
        screen = StreamScreen(policy, "shop")
        screen.push(Delta(text))
        screen.flush()
        assert not screen.blocked, text


@pytest.mark.parametrize(
    "answer",
    ["You stupid whore, go and kill yourself", "你这个傻逼，滚去死吧", "Suck my dick, slut"],
)
def test_an_answer_that_is_unwanted_beyond_doubt_still_is(policy: TextPolicy, answer: str) -> None:
    assert policy.judge([BAG + answer], "shop", "answer").blocked
