"""Texts of strangers in a terminal."""

import unicodedata

# Controls, and what is not seen but moves what is: directions of writing, ends of lines.
ACTED_ON = {"Cc", "Cf", "Zl", "Zp"}
# They only join, as the letters of Persian and the people of a family emoji.
JOINERS = "\u200c\u200d"


def printable(text: str) -> str:
    """The text with escapes, such as \\x1b, for characters that a terminal would act on: else a
    question could clear the screen, fill the clipboard or look like another row."""
    return "".join(
        repr(letter)[1:-1]
        if unicodedata.category(letter) in ACTED_ON and letter not in JOINERS
        else letter
        for letter in text
    )
