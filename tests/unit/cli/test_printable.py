"""Shoppers' texts are shown in a terminal, and none of them acts there."""

import pytest

from gateway.cli.printable import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b]52;c;bHM=\x07", r"\x1b]52;c;bHM=\x07"),  # fills the clipboard
        ("\x1b[2K\rquestions 0", r"\x1b[2K\rquestions 0"),  # another line in its place
        ("a\nthumbs: 9 up of 9", r"a\nthumbs: 9 up of 9"),
        ("\x9b2Ja\u2028b\u2029c", r"\x9b2Ja\u2028b\u2029c"),
        ("\u202egnp.exe\u202c", r"\u202egnp.exe\u202c"),  # backwards
        ("\u2066a\u2069\u200b\ufeff\U000e0041", r"\u2066a\u2069\u200b\ufeff\U000e0041"),
    ],
)
def test_what_a_terminal_would_act_on_is_an_escape(text: str, shown: str) -> None:
    assert printable(text) == shown


@pytest.mark.parametrize("text", ["这是真皮吗? 5²", "👩‍👩‍👧 🎒︎", "می‌خواهم", r"a\b 'c'", "café"])
def test_what_people_write_stays(text: str) -> None:
    assert printable(text) == text
