"""How people bargain, hurry and swear in a shop, in words that nothing was learnt from, and what
stands next to it."""

import pytest

from gateway.moderation.rules.matcher import Matcher
from gateway.moderation.text import TextPolicy

POLICY = TextPolicy.load()


@pytest.mark.parametrize(
    "text",
    [
        "how much for seven of them",
        "how much do you take for the pair",
        "can you ship mine this afternoon",
        "sell me the last one please",
        "for girls of nine?",
        "send me the link to the blue one",
        "omg so ugly haha",
        "promo code?",
        "大姐,这鞋怎么卖",
        "姐姐在吗",
        "拿三十个是什么价",
        "领红包",
        "帮我砍一刀!",
        "私信我价格",
        "zhe xie duo shao qian",
        "幼女童装有吗",
        "赌场能穿吗",
        "fuck, this is pretty, what's the fabric",
        "what idiot drew this pattern",
        "尼玛真好看 啥料子",
        "装逼神器 多少钱",
        "你们就是卖假货的骗子吧,把钱退了!",
        "gift for sb who travels",
        "尺码表上的SB是什么",
        "上面印的是鸡吧?",
        "headscarf for muslim ladies",
        "size 3 4 5 s m l",
    ],
)
def test_a_shopper_in_a_hurry_or_in_anger_is_answered(text: str) -> None:
    verdict = POLICY.judge([text], "anybody")
    assert not verdict.blocked, verdict.scores


@pytest.mark.parametrize(
    "text",
    [
        "how much for seven grams of coke",
        "can you ship heroin this afternoon",
        "sell me the last pistol, no papers",
        "girls for the night?",
        "send me the link to her nudes",
        "such an ugly bitch, that model",
        "use promo code NORA5 at my shop",
        "冰毒有现货不 今晚能寄吗",
        "学生妹怎么卖 一晚",
        "私信我领福利",
        "fuck you, bitch",
        "你就是个傻逼骗子,去死",
        "sb",
        "煞比店家",
        "鸡吧玩意,滚",
        "想zuoai",
        "phuck that seller",
        "s h 1 t seller",
        "heil hitler",
        "穆斯林都是恐怖分子,滚",
        "支那人都去死",
    ],
)
def test_what_stands_next_to_it_is_refused(text: str) -> None:
    verdict = POLICY.judge([text], "anybody")
    assert verdict.blocked, verdict.scores


@pytest.mark.parametrize("text", ["p 0 r n", "b 1 t c h", "b.1.t.c.h", "p-0-r-n here"])
def test_signs_for_letters_are_read_where_the_letters_stand_apart(text: str) -> None:
    assert Matcher(POLICY.matcher.rules).find(text)
