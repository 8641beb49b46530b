"""A streamed answer: nothing unwanted gets out, little else is held back, no word is cut."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.response import Delta, Finished, TokenLogprob
from gateway.moderation.stream import StreamScreen
from gateway.moderation.text import TextPolicy

POLICY = TextPolicy.load()
PHRASES = ["裸聊", "cocaine", "fake passport", "make a bomb", "傻逼", "porn"]
ANSWERS = [
    "这是一款棕色皮革手提包，适合送给妈妈。这把牙刷单卖，也可以成套买。",
    "A bomber jacket looks smart with brown leather boots and dark jeans.",
    "枪灰色的手提包很好看，可以买枪灰色的鞋来配。",
    "She can take off her coat and wear the dress without a belt.",
]


def outcome(pieces: list[str]) -> tuple[list[str], StreamScreen]:
    screen = StreamScreen(POLICY)
    out = [screen.push(Delta(piece)) for piece in pieces] + [screen.flush()]
    return [piece.text for piece in out if piece], screen


def cut(text: str, sizes: list[int]) -> list[str]:
    pieces, rest = [], text
    for size in sizes:
        pieces.append(rest[:size])
        rest = rest[size:]
    return [*pieces, rest]


sizes = st.lists(st.integers(0, 5), max_size=30)
filling = st.text("ab 包。", max_size=9)


@settings(max_examples=150)
@given(sizes, st.sampled_from(PHRASES), filling, filling)
def test_a_phrase_never_gets_out_however_the_stream_is_cut(
    sizes: list[int], phrase: str, before: str, after: str
) -> None:
    out, screen = outcome(cut(f"{before} {phrase} {after}", sizes))
    assert screen.blocked
    assert f"{before} ".startswith("".join(out))


@settings(max_examples=100)
@given(sizes, st.sampled_from(ANSWERS))
def test_what_passes_gets_out_unchanged(sizes: list[int], text: str) -> None:
    out, screen = outcome(cut(text, sizes))
    assert not screen.blocked
    assert "".join(out) == text


@pytest.mark.parametrize("text", ANSWERS)
@pytest.mark.parametrize("size", [1, 2, 3])
def test_no_word_is_cut(text: str, size: int) -> None:
    out, _ = outcome([text[at : at + size] for at in range(0, len(text), size)])
    sent = ""
    for piece in out[:-1]:
        sent += piece
        rest = text[len(sent) :]
        assert not (sent[-1].isascii() and sent[-1].isalpha() and rest[0].isalpha())
        assert not any(
            sent.endswith(word[:at]) and rest.startswith(word[at:])
            for word in ("牙刷", "手提包", "枪灰色", "妈妈")
            for at in range(1, len(word))
        )


def test_what_is_blocked_ends_between_words() -> None:
    out, screen = outcome(list("You can carry it, or make a bomb of it"))
    assert "".join(out) == "You can carry it, or "
    assert screen.filtered() == Finished("content_filter", moderation="illegal")


@pytest.mark.parametrize(
    "text",
    [
        "服务热线:400-820-8820",
        "扫码关注公众号",
        "Contact us: 1-800-555-1234 for a limited time offer.",
        "这款没有标价,可以联系客服微信咨询价格。",
        "如果有人让你加微信转账,那是骗局,请不要相信。",
        "这是YSL的鸦片香水(Opium),适合晚上用。",
        "These are escort cards for a wedding table.",
        "这是一副麻将,不可用于赌博。",
        "适合作为送给他妈的礼物。",
        "The T-shirt says FUCK in large letters.",
    ],
)
@pytest.mark.parametrize("size", [1, 5])
def test_what_a_product_is_called_and_says_gets_out(text: str, size: int) -> None:
    out, screen = outcome([text[at : at + size] for at in range(0, len(text), size)])
    assert not screen.blocked
    assert "".join(out) == text
    assert not POLICY.judge([text], "", "answer").blocked, "nor later, from the cache"


def test_what_a_rule_finds_waits_for_the_sentence_around_it() -> None:
    screen = StreamScreen(POLICY)
    assert screen.push(Delta("These are escort ")) == Delta("These are ")
    assert screen.push(Delta("cards for a wedding table. ")) == Delta(
        "escort cards for a wedding table. "
    )


def test_an_advert_in_an_answer_counts_by_a_rule_of_ops(tmp_path: Path) -> None:
    (tmp_path / "ours.toml").write_text(
        'version = "1"\n[[rules]]\ncategory = "advert"\nphrases = ["关注我们"]\n'
    )
    screen = StreamScreen(TextPolicy.load(tmp_path))
    screen.push(Delta("好看,关注我们吧。以后还有。"))
    assert screen.blocked


@pytest.mark.parametrize("text", ["It is blue. You can make a bomb of it.", *PHRASES])
def test_from_the_cache_an_answer_is_judged_as_in_its_stream(text: str) -> None:
    screen = StreamScreen(POLICY)
    screen.push(Delta(f"{text}. It has a zip. "))
    assert screen.blocked, "before its end"
    assert POLICY.judge([text], "", "answer").blocked


def test_an_ordinary_answer_is_not_held_back() -> None:
    piece = Delta("这是一款棕色皮革手提包。", (TokenLogprob(b"x", -1.0),))
    assert StreamScreen(POLICY).push(piece) == piece


def test_a_text_without_a_space_is_held_back_to_a_bound() -> None:
    screen = StreamScreen(POLICY)
    sent = sum(len(out.text) for _ in range(100) if (out := screen.push(Delta("x" * 10))))
    assert sent > 500


def test_log_probabilities_wait_with_the_text_that_they_spell() -> None:
    screen = StreamScreen(POLICY)
    token = TokenLogprob("刷".encode(), -1.0)
    assert screen.push(Delta("好，刷", (token,))) == Delta("好，")
    released = [piece for piece in (screen.push(Delta("牙很重要。")), screen.flush()) if piece]
    assert "".join(piece.text for piece in released) == "刷牙很重要。"
    assert [piece.logprobs for piece in released] == [()] * (len(released) - 1) + [(token,)]


def test_a_whole_answer_is_judged_before_it_is_kept() -> None:
    _, screen = outcome(["her big breasts make me so horny, ", "I want to squeeze them in bed"])
    assert screen.blocked
