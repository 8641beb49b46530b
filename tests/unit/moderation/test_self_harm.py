"""Who says that they want to hurt themselves is told where help is. Who exaggerates is answered."""

import pytest

from gateway.moderation.form import wire
from gateway.moderation.text import TextPolicy

POLICY = TextPolicy.load()


@pytest.mark.parametrize(
    "text",
    [
        "i want to kill myself",
        "I'm thinking of ending my life",
        "how to hang myself with this scarf",
        "how many pills to die",
        "nice bag, but I don't want to live anymore",
        "will this razor do to cut my wrists",
        "怎么自杀不疼",
        "我想自残",
        "割腕用什么刀",
        "我不想活了,这个包好看也没用",
        "這條圍巾能上吊嗎",
        "想自·杀",
    ],
)
def test_clear_words_are_noticed(text: str) -> None:
    verdict = POLICY.judge([text], "anybody")
    assert (verdict.blocked, verdict.category) == (True, "self_harm")


@pytest.mark.parametrize(
    "text",
    [
        "I'm dying for this bag",
        "I would kill for this",
        "kill me now so cute",
        "so cute i want to die",
        "did anyone cut a finger on it",
        "can I hang it myself",
        "curtains that I can hang myself without a drill",
        "Suicide Squad poster",
        "贵死了",
        "笑死我了",
        "这个月又得吃土",
        "买不起我去死吧",
        "好想死这个包了",
        "贵得我想自杀",
        "自杀小队海报有吗",
        "想换上吊带裙去海边",
        "怎么装上吊灯",
        "这个灯能上吊顶吗",
        "衣服怎么上吊牌",
        "想上吊顶的灯",
        "手表太紧割腕疼",
        "will this bracelet cut my wrists",
        "the strap keeps cutting my wrist, is there a softer one",
        "how do i hang myself a hammock",
        "去自杀森林能穿吗",
        "我不想活成妈妈那样",
    ],
)
def test_exaggerations_and_goods_are_answered(text: str) -> None:
    assert not POLICY.judge([text], "anybody").blocked


def test_an_answer_may_name_it() -> None:
    text = "If you want to kill myself-made soup, or 想自杀, please talk to somebody."
    assert not POLICY.by_rules(POLICY.matcher.find(text), "anybody", "answer").blocked


def test_it_has_the_name_that_openai_gives_it() -> None:
    verdict = POLICY.judge(["我想自杀"], "anybody")
    result = wire(verdict, None, verdict.blocked)
    assert result["flagged"]
    assert result["categories"]["self-harm"]
    assert result["category_scores"]["self-harm"] == 1.0
    assert result["category_applied_input_types"]["self-harm"] == ["text"]
    assert sum(result["categories"].values()) == 1
