"""What shoppers ask and what stands next to it, in words that nothing was learnt from: see
`test_training_texts.py`."""

import pytest

from gateway.moderation.text import TextPolicy
from tests.moderation_sets.evaluate import Sample, samples

POLICY = TextPolicy.load()


@pytest.mark.parametrize("sample", samples("shoppers.tsv"), ids=lambda sample: sample.text)
def test_a_shopper_is_answered_and_what_stands_next_to_it_is_not(sample: Sample) -> None:
    verdict = POLICY.judge([sample.text], "anybody")
    assert verdict.blocked == (sample.category != "benign"), verdict.scores


@pytest.mark.parametrize(
    ("code", "is_refused"),
    [
        ("http://weixin.qq.com/r/7EPnyIzEeZ1irW6M9xkN", False),
        ("https://weixin.qq.com/", False),
        ("https://mp.weixin.qq.com/s/Xk2p_A9vQ", False),
        ("https://mp.weixin.qq.com/a/~~3kQ8Fz~~", False),
        ("https://open.weixin.qq.com/sns/getexpappinfo?appid=wx12ab", False),
        ("https://u.wechat.com/EAbcDef123", True),
        ("https://work.weixin.qq.com/ca/cawcde12", True),
        ("https://weixin.qq.com/g/AwYAAHx1", True),
        ("https://qm.qq.com/q/Ab12Cd", True),
        ("https://jq.qq.com/?_wv=1027&k=ab12", True),
        ("weixin: abc12345", True),
    ],
)
def test_a_code_of_an_official_account_is_no_invitation(code: str, is_refused: bool) -> None:
    assert POLICY.judge([code], "anybody", "photo").blocked == is_refused


@pytest.mark.parametrize(
    ("text", "is_refused"),
    [
        ("这个小女孩真的很性感", True),
        ("初中女生的胸部真好看", True),
        ("小男孩裸照", True),
        ("That little boy looks so sexy", True),
        ("这条裙子小女孩穿很好看", False),
        ("小女孩胸前的图案很漂亮", False),
        ("The little girl's dress is nude pink", False),
        ("未成年人不能购买", False),
        ("小学生真诱人", True),
        ("underage sexual content", True),
        ("小学生想上学用的书包", False),
        ("小女孩想睡的小床", False),
        ("适合小学生的零食,很诱人", False),
        ("未成年人模式能屏蔽色情网站", False),
        ("book for a little boy about sexual education", False),
    ],
)
def test_what_is_said_of_a_child_s_body_counts_by_itself(text: str, is_refused: bool) -> None:
    hits = (hit for hit in POLICY.matcher.find(text) if not hit.rule.weighed)
    assert POLICY.by_rules(hits, "anybody", "answer").blocked == is_refused


@pytest.mark.parametrize(
    "text", ["你妈的生日快到了", "大麻叶卫衣", "蚊子杀手", "反窃听器", "打飞机游戏"]
)
def test_no_rule_cuts_off_an_answer_about_goods(text: str) -> None:
    assert not POLICY.by_rules(POLICY.matcher.find(text), "anybody", "answer").blocked
