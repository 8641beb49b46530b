"""What rules find, however it is written, and what they leave alone."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.moderation.passages import sentences
from gateway.moderation.reading.plain import plain
from gateway.moderation.rules.matcher import Matcher
from gateway.moderation.rules.ruleset import BadRules, read_rules, rule_files
from gateway.moderation.text import TextPolicy

POLICY = TextPolicy.load()
RULES = read_rules(rule_files(None))
PHRASES = sorted(
    phrase.rstrip("*") for rule in RULES.rules for phrase in rule.phrases if len(phrase) > 3
)


def found(text: str, policy: TextPolicy = POLICY) -> str | None:
    verdict = policy.by_rules(policy.matcher.find(text), "anybody", "question")
    return verdict.category


@pytest.mark.parametrize(
    ("category", "text"),
    [
        ("sexual", "裸*聊加我"),
        ("sexual", "想看成人視頻"),
        ("sexual", "p.o.r.n"),
        ("sexual", "ｎｕｄｅｓ please"),
        ("sexual", "fr33 p0rn vid3os"),
        ("sexual", "p*rn videos"),
        ("sexual", "nаked girls"),
        ("sexual", "能不能把她的衣服脱掉"),
        ("advert", "加➕V：abc123"),
        ("advert", "jia wei xin 领券"),
        ("advert", "家微信详聊"),
        ("advert", "V信 lulu2020"),
        ("advert", "w e i x i n: abc_123"),
        ("advert", "访问 www.cheap-bags.shop 五折"),
        ("illegal", "买木仓"),
        ("illegal", "哪里有卖🔫"),
        ("illegal", "賣槍"),
        ("illegal", "gunѕ for sale"),
        ("illegal", "收购yin行卡"),
        ("illegal", "where can I buy a replica Rolex watch"),
        ("abuse", "你 个 傻 逼"),
        ("abuse", "f*ck you"),
        ("abuse", "ⓘⓓⓘⓞⓣ"),
    ],
)
def test_what_is_unwanted_is_found_however_it_is_written(category: str, text: str) -> None:
    assert found(text) == category


@pytest.mark.parametrize(
    "text",
    [
        "这把牙刷单卖吗?",
        "我想买枪灰色的手提包",
        "Which shoes make a bomber jacket look smart?",
        "他妈妈会喜欢吗",
        "我妈的包和你妈的包一样吗",
        "牙刷 单卖吗",
        "a pen is nicer than a pencil",
        "Is the A55 phone case real leather?",
        "this is a badass bass bag with class",
        "扫码支付可以吗",
        "要刷。单卖吗",
        "是从官网www.nike.com买的，是真的吗",
        "这是高仿吗，怎么分辨真假",
        "我的电话是13812345678，这个包适合我吗",
    ],
)
def test_what_only_looks_like_it_passes(text: str) -> None:
    assert found(text) is None


@settings(max_examples=60)
@given(st.sampled_from(PHRASES), st.sampled_from(["\u200b", "\u00ad", "\u2066", "\U000e0100"]))
def test_what_nobody_sees_hides_nothing(phrase: str, unseen: str) -> None:
    assert found(phrase) == found(unseen.join(phrase))


@settings(max_examples=60)
@given(st.sampled_from(PHRASES))
def test_full_width_and_capitals_hide_nothing(phrase: str) -> None:
    wide = phrase.translate({code: code + 0xFEE0 for code in range(0x21, 0x7F)})
    assert found(phrase) == found(wide) == found(phrase.upper())


def test_a_phrase_that_two_turns_make_together_is_found() -> None:
    turns = ["我想", "加你", "微", "信"]
    assert not POLICY.judge(["刷", "单"], "anybody").blocked
    assert POLICY.judge(["加微", *turns], "anybody", said_together=turns).blocked
    assert POLICY.judge(["where can I", "buy a gun"], "x", said_together=["buy a", "gun"]).blocked


def test_turns_that_end_their_sentence_are_not_read_as_one() -> None:
    for turns in (
        ["怎么联系客服?", "我爸死了,想买个骨灰盒"],
        ["狗屎铲好用吗?", "这件衣服好看死了"],
    ):
        assert not POLICY.judge(turns, "anybody", said_together=turns).blocked


INNOCENT = (
    "这个包很好看,请问是什么材质的?适合送妈妈吗?",
    "Is it made of leather? Will it fit a 15-inch laptop? My mother likes blue bags. ",
    "适合夏天穿吗。会不会掉色。有没有大一码的。可以机洗吗。送朋友合适吗。",
)


@pytest.mark.parametrize("before", [*INNOCENT, "".join(INNOCENT) * 20])
@pytest.mark.parametrize(
    "unwanted", ["加我微信abc12345看片", "where can I buy cocaine", "你这个傻逼", "裸聊多少钱"]
)
def test_sentences_around_it_hide_nothing(before: str, unwanted: str) -> None:
    assert not POLICY.judge([before], "anybody").blocked
    assert POLICY.judge([before + unwanted], "anybody").blocked
    assert POLICY.judge([unwanted + "。" + before], "anybody").blocked


def test_a_sentence_in_which_no_rule_finds_anything_hides_in_no_others() -> None:
    unwanted = "看得我都硬了"
    assert not POLICY.matcher.find(unwanted)
    assert POLICY.judge([unwanted], "anybody").blocked
    assert POLICY.judge([INNOCENT[2] + unwanted], "anybody").blocked


def test_words_of_two_sentences_mean_nothing_together() -> None:
    text = "模特穿的是什么码。衣服脱线了怎么办。怎么去掉衣服上的油渍。这是真皮吗。适合送给妈妈吗。"
    assert found(text) == "sexual"
    assert not POLICY.judge([text], "anybody").blocked


def test_nor_do_those_of_a_rule_that_counts_by_itself() -> None:
    text = "我女儿是小学生。这条裙子我穿很性感吗"
    assert found(text) == "sexual"
    assert not POLICY.judge([text], "anybody").blocked
    assert not POLICY.judge([text], "anybody", "answer").blocked
    assert POLICY.judge([text.replace("。", ",")], "anybody").blocked


@pytest.mark.parametrize("unwanted", ["裸;聊", "裸；聊", "傻!逼", "傻！逼", "加。微。信"])
def test_what_separates_the_characters_of_a_phrase_ends_no_sentence(unwanted: str) -> None:
    assert POLICY.judge([f"{INNOCENT[2]}{unwanted}。{INNOCENT[0]}"], "anybody").blocked


def test_a_mark_behind_chinese_ends_a_sentence_whatever_follows() -> None:
    text = plain("好吗？buy now! 可以！ok").text
    assert [text[each.start : each.end] for each in sentences(text)] == [
        "好吗?",
        "buy now!",
        " 可以!",
        "ok",
    ]


@pytest.mark.parametrize(
    "text",
    ["fake", "Fake?!", "“knockoff”?", "weed?", "假的?", "假货？", "高仿?!", "女的?", "woman?"],
)
def test_a_word_that_asks_of_goods_is_harmless_alone(text: str) -> None:
    assert POLICY.judge([text], "anybody").action is None


@pytest.mark.parametrize(
    "text",
    ["fake id", "fake rolex", "buy weed", "weed 💊", "fake\nweed", "假货批发", "女的🍆"],
)
def test_with_anything_beside_it_the_word_is_judged_as_before(text: str) -> None:
    assert POLICY.judge([text], "anybody").blocked


def test_words_that_are_harmless_alone_are_judged_together() -> None:
    turns = ["weed", "for sale"]
    assert not POLICY.judge(turns, "anybody").blocked
    assert POLICY.judge(turns, "anybody", said_together=turns).blocked


def test_a_word_alone_does_not_pass_a_rule_of_ops(tmp_path: Path) -> None:
    (tmp_path / "ours.toml").write_text(
        'version = "1"\n[harmless]\nalone = ["bitch"]\n'
        '[[rules]]\ncategory = "illegal"\nphrases = ["weed"]\n'
    )
    policy = TextPolicy.load(tmp_path)
    assert policy.judge(["weed?"], "anybody").blocked
    assert not policy.judge(["bitch?"], "anybody").blocked
    assert POLICY.judge(["bitch?"], "anybody").blocked


def test_a_rule_of_ops_adds_and_takes_away(tmp_path: Path) -> None:
    (tmp_path / "ours.toml").write_text(
        'version = "1"\nwithout = ["刷单"]\n'
        '[[rules]]\ncategory = "advert"\nphrases = ["神秘口令"]\n'
    )
    policy = TextPolicy(read_rules(rule_files(tmp_path)))
    assert found("刷单") == "advert"
    assert found("刷单", policy) is None
    assert found("神 秘 口 令", policy) == "advert"
    assert policy.version != TextPolicy(RULES).version


def test_a_policy_is_put_together_anew_only_where_a_file_has_changed(tmp_path: Path) -> None:
    ours = tmp_path / "ours.toml"
    ours.write_text('version = "1"\n[actions]\nabuse = "flag"\n')
    first = TextPolicy.load(tmp_path)
    ours.touch()
    assert TextPolicy.load(tmp_path) is first
    ours.write_text('version = "1"\n[actions]\nabuse = "review"\n')
    second = TextPolicy.load(tmp_path)
    assert second.version != first.version
    assert [each.judge(["傻逼"], "x").action for each in (first, second)] == ["flag", "review"]


def test_a_tenant_has_actions_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "ours.toml").write_text(
        'version = "1"\n[tenants.club]\nabuse = "flag"\nadvert = "review"\n'
    )
    policy = TextPolicy(read_rules(rule_files(tmp_path)))
    flagged, reviewed = policy.judge(["傻逼"], "club"), policy.judge(["加微信"], "club")
    assert (flagged.action, flagged.shareable) == ("flag", True)
    assert (reviewed.action, reviewed.shareable) == ("review", False)
    assert flagged.label("question") == "question:abuse:flag"
    assert policy.judge(["傻逼"], "other").blocked


@pytest.mark.parametrize(
    "text",
    [
        "version = 1",
        'version = "1"\n[[rules]]\ncategory = "politics"\nphrases = ["x"]',
        'version = "1"\n[[rules]]\ncategory = "abuse"',
        'version = "1"\n[[rules]]\ncategory = "abuse"\nall = ["nowhere"]',
        "not toml",
    ],
)
def test_a_file_that_cannot_be_used_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "ours.toml").write_text(text)
    with pytest.raises(BadRules, match=r"ours\.toml|no such list"):
        read_rules(rule_files(tmp_path))


def test_many_words_of_a_combination_do_not_take_long() -> None:
    text = "卖买购" * 300 + "枪" + "buy sell " * 100
    assert len(Matcher(RULES).find(text)) < 10_000
