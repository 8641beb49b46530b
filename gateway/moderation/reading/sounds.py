"""How a text sounds: each Chinese character as its syllable without tone, letters as they are. One
reading for homophones (威芯 for 微信) and for what is typed in pinyin (jia weixin). Pure."""

from array import array
from dataclasses import dataclass
from functools import cache

from gateway.moderation.reading.plain import Squeezed
from gateway.moderation.reading.words import TABLES


@dataclass(frozen=True, slots=True)
class Sounds:
    """`places`: of each letter the index into the squeezed text."""

    text: str
    places: list[int]
    of: Squeezed

    def may_begin(self, at: int) -> bool:
        """Whether more than a syllable stands there: one alone sounds like the beginning of too
        much."""
        first = at == 0 or self.places[at - 1] != self.places[at]
        enough = len(self.text) - at >= 4 and self.places[at] < self.places[-1]
        return first and enough and self.of.begins_word(self.places[at])


def sounds(text: Squeezed) -> Sounds:
    letters: list[str] = []
    places: list[int] = []
    for at, char in enumerate(text.text):
        sound = syllable(char)
        letters.append(sound)
        places += [at] * len(sound)
    return Sounds("".join(letters), places, text)


def syllable(char: str) -> str:
    """Of a Chinese character; any other stays."""
    if not _FIRST <= char <= _LAST:
        return char
    names, numbers = _table()
    return names[numbers[ord(char) - ord(_FIRST)]] or char


_FIRST, _LAST = "\u4e00", "\u9fff"


@cache
def _table() -> tuple[list[str], "array[int]"]:
    """The syllables, and of each character the number of its own: 42 KB, a dict takes 2 MB."""
    names = [""]
    numbers = array("H", [0]) * (ord(_LAST) - ord(_FIRST) + 1)
    for line in (TABLES / "pinyin.txt").read_text().splitlines():
        name, chars = line.split(" ")
        for char in chars:
            numbers[ord(char) - ord(_FIRST)] = len(names)
        names.append(name)
    return names, numbers
