"""A text as somebody who looks for numbers reads it: plain lower-case letters and digits,
simplified characters, nothing unseen, and where each stood. Pure."""

import unicodedata
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from contract.text.looks import ENCLOSED, PLAIN

CHINESE = dict(
    zip("〇零○一幺壹二贰弍三叁四肆五伍六陆七柒八捌九玖", "00011122233445566778899", strict=True)
)
TRADITIONAL = Path(__file__).with_name("traditional.txt")
"""Lines of a traditional character and its simplified one."""
_SIMPLIFIED = {ord(line[0]): line[1] for line in TRADITIONAL.read_text("utf-8").split()}
_CHINESE = {ord(char): digit for char, digit in CHINESE.items()}


@dataclass(frozen=True, slots=True)
class Legible:
    text: str
    places: list[int] | None
    """Of each character the index of the one that it was made of; None: they are the same."""

    def span(self, start: int, end: int, whole: str) -> tuple[int, int]:
        """Where text[start:end] stands in the `whole` text that this was made of."""
        if self.places is None:
            return start, end
        return self.places[start], self.places[end] if end < len(self.places) else len(whole)

    def with_chinese_digits(self) -> "Legible":
        """With plain digits for Chinese ones."""
        return Legible(self.text.translate(_CHINESE), self.places)


def simplified(text: str) -> str:
    """As many characters as before."""
    return text.translate(_SIMPLIFIED)


def legible(text: str) -> Legible:
    if text.isascii():
        return Legible(text.lower(), None)
    made: list[str] = []
    places: list[int] = []
    for place, char in enumerate(text):
        plain = _plain(char)
        made.append(plain)
        places += [place] * len(plain)
    return Legible("".join(made), places)


@cache  # bounded by Unicode; a text has some hundred different ones
def _plain(char: str) -> str:
    code = ord(char)
    if code in PLAIN:
        return simplified(PLAIN[code].lower())
    digit = ENCLOSED.get(code) or str(unicodedata.digit(char, ""))
    if len(digit) == 1:
        return digit
    return "" if unicodedata.category(char) in ("Cf", "Mn", "Me") else simplified(char.lower())
