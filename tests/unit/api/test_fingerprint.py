"""Which requests under one Idempotency-Key are the same."""

import pytest

from gateway.api.posts.fingerprint import MAX_DELIMITERS, fingerprint_of


def form(boundary: str, *contents: str, end: str = "--\r\n") -> bytes:
    parts = "".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="question"\r\n\r\n{content}\r\n'
        for content in contents
    )
    return f"{parts}--{boundary}{end}".encode()


def printed(boundary: str, body: bytes, media: str = "multipart/form-data; boundary={}") -> str:
    return fingerprint_of("/v1/ask", "", media.format(boundary), body)


def asked(boundary: str, *contents: str) -> str:
    return printed(boundary, form(boundary, *contents))


@pytest.mark.parametrize(
    ("boundary", "other"), [("X", "Y"), ("-", "----form-0199"), ("form", "data"), ("a+b.(c)", "?")]
)
def test_a_form_that_is_sent_again_is_the_same_whatever_its_boundary(
    boundary: str, other: str
) -> None:
    contents = ("What colour is this?", "", "二\r\n\r\n行", "--", "\r\n--")
    assert asked(boundary, *contents) == asked(other, *contents)
    for media in ('multipart/form-data; boundary="{}"', "Multipart/Form-Data;Boundary={}"):
        assert printed(boundary, form(boundary, *contents), media) == asked(other, *contents)
    for before, end in (("preamble\r\n", "--"), ("", "--\r\nepilogue"), ("\r\n", " \t\r\n")):
        bodies = (before.encode() + form(each, "a", end=end) for each in (boundary, other))
        one, two = (printed(*each) for each in zip((boundary, other), bodies, strict=True))
        assert one == two


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("What colour is this?", "What colourX is this?"),
        ("What colour is this?", "What colour--X is this?"),
        ("a\r\nX b", "a\r\n b"),
        ("a\r\n-- b", "a\r\n--X. b"),
        ("a\n--X\n b", "a\n--\n b"),
        ("a\r\n--\r\n b", "a\r\n--X\r\n b"),
        ("a\r\n--X\r\n b", "a\r\n--X--\r\n b"),
        ("a\r--X\r\n b", "a\r--\r\n b"),
        ("XX", "X"),
    ],
)
def test_the_same_letters_in_a_text_are_part_of_what_is_asked(one: str, two: str) -> None:
    assert asked("X", one) != asked("X", two)


def test_a_text_with_its_own_form_s_boundary_is_another_text_than_with_another_s() -> None:
    assert asked("X", "a\r\n--Xb") != asked("Y", "a\r\n--Yb")
    assert asked("X", "a\r\n--Yb") == asked("Z", "a\r\n--Yb")
    assert asked("X", "a", "b") != asked("X", "a\r\n--Y\r\nb") != asked("Y", "a", "b")


def test_where_nothing_is_divided_a_boundary_divides_nothing() -> None:
    """A JSON body, and a form without one."""
    for media in ("application/json; boundary={}", "text/plain; boundary={}"):
        assert printed("X", b"\r\n--X\r\n", media) != printed("Y", b"\r\n--Y\r\n", media)
        assert printed("m", b"am", media) != printed("m", b"a", media)
    none = "multipart/form-data"
    assert printed("", b"--\r\n", none) != printed("", b"\r\n", none)
    empty = 'multipart/form-data; boundary=""'
    assert printed("", b"--\r\n", empty) != printed("", b"\r\n", empty)


def test_what_else_the_type_says_is_part_of_it() -> None:
    body = form("X", "a")
    plain = printed("X", body)
    said = [f"multipart/{kind}; boundary={{}}{more}" for kind, more in (
        ("form-data", "; charset=gbk"), ("form-data", "; charset=big5"), ("mixed", ""),
    )]  # fmt: skip
    assert len({plain, *(printed("X", body, media) for media in said)}) == 4
    paths = {fingerprint_of(*each, "", b"a") for each in (("/a", "b"), ("/ab", ""), ("/a", ""))}
    assert len(paths) == 3


def test_a_form_of_very_many_parts_is_taken_as_it_came() -> None:
    """Nobody reads it, and to look through all of it takes long."""
    few, many = ["a"] * (MAX_DELIMITERS - 2), ["a"] * MAX_DELIMITERS
    assert asked("X", *few) == asked("Y", *few)
    assert asked("X", *many) == asked("X", *many) != asked("Y", *many)
    false = "\r\n--X." * MAX_DELIMITERS
    assert asked("X", false) != asked("X", false.replace("X", ""))
