import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.response import Delta, TokenLogprob
from gateway.errors import ContentBlocked
from gateway.moderation.text import StreamScreen, TextPolicy

POLICY = TextPolicy.load()
PHRASES = sorted(POLICY.phrases)
BENIGN = [
    "这是真皮吗?适合送给妈妈吗?",
    "这个锅可以在电磁炉上用吗?",
    "Would this bag suit a job interview?",
    "成人款和儿童款有什么区别?",
    "Is this a video camera?",
    "可以加微信咨询吗?",
]


@pytest.mark.parametrize("phrase", PHRASES)
def test_a_listed_phrase_is_blocked(phrase: str) -> None:
    with pytest.raises(ContentBlocked):
        POLICY.check_question([f"请问{phrase}吗"], [])


@pytest.mark.parametrize(
    "disguise",
    [
        lambda text: text.upper(),
        lambda text: "\u200b".join(text),
        lambda text: "\u00ad".join(text),
        lambda text: "\u2066".join(text),
        lambda text: "\U000e0100".join(text),
        lambda text: text.replace("", " ") if not text.isascii() else text,
        lambda text: text.translate({code: code + 0xFEE0 for code in range(0x21, 0x7F)}),
        lambda text: text.replace(" ", " \n\t "),
    ],
)
def test_a_disguised_phrase_is_blocked(disguise: object) -> None:
    for phrase in PHRASES:
        assert POLICY.category(disguise(phrase))  # type: ignore[operator]


def test_a_phrase_that_two_turns_make_together_is_not_one() -> None:
    POLICY.check_question(["buy", "cocaine-white shoes"], [])


@pytest.mark.parametrize("text", BENIGN)
def test_shoppers_questions_pass(text: str) -> None:
    POLICY.check_question([text], [])


def outcome(pieces: list[str]) -> tuple[str, bool]:
    screen = StreamScreen(POLICY)
    out = [screen.push(Delta(piece)) for piece in pieces] + [screen.flush()]
    return "".join(piece.text for piece in out if piece), screen.blocked


def cut(text: str, sizes: list[int]) -> list[str]:
    pieces, rest = [], text
    for size in sizes:
        pieces.append(rest[:size])
        rest = rest[size:]
    return [*pieces, rest]


sizes = st.lists(st.integers(0, 5), max_size=30)


@given(
    sizes, st.sampled_from(PHRASES), st.text("ab 包。", max_size=9), st.text("ab 包。", max_size=9)
)
def test_a_phrase_never_gets_out_however_the_stream_is_cut(
    sizes: list[int], phrase: str, before: str, after: str
) -> None:
    out, blocked = outcome(cut(before + phrase + after, sizes))
    assert blocked
    assert POLICY.category(out) is None
    assert before.startswith(out)


@given(sizes, st.text("buy刷单色情 coaine。包", max_size=40))
def test_what_passes_gets_out_unchanged(sizes: list[int], text: str) -> None:
    out, blocked = outcome(cut(text, sizes))
    assert blocked or out == text


def test_an_ordinary_answer_is_not_held_back() -> None:
    screen = StreamScreen(POLICY)
    piece = Delta("这是一款棕色皮革手提包", (TokenLogprob(b"x", -1.0),))
    assert screen.push(piece) == piece


def test_log_probabilities_wait_with_the_text_that_they_spell() -> None:
    screen = StreamScreen(POLICY)
    token = TokenLogprob("刷".encode(), -1.0)
    assert screen.push(Delta("好,刷", (token,))) == Delta("好,")
    assert screen.push(Delta("牙")) == Delta("刷牙", (token,))
