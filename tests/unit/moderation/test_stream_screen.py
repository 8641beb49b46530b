"""A streamed answer: nothing unwanted gets out, little else is held back, no word is cut."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.response import Delta, Finished, TokenLogprob
from gateway.moderation.stream import StreamScreen
from gateway.moderation.text import TextPolicy

POLICY = TextPolicy.load()
PHRASES = ["刷单", "裸聊", "buy cocaine", "fake passport", "加微信", "make a bomb", "傻逼", "porn"]
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
