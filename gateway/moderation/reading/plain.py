"""A text in plain small letters: no looks, no accents, simplified characters, nothing unseen. And
squeezed: letters, digits and characters alone, whatever separates them. Pure."""

import re
import unicodedata
from dataclasses import dataclass
from functools import cache

from gateway.log.personal.legible import legible
from gateway.moderation.reading.words import TABLES

HAN = "\u3400-\u4dbf\u4e00-\u9fff"
# Signs that stand for a character: adding a contact, a heart in 微信.
_SIGNS = {
    "➕": "加",
    "✚": "加",
    "❤": "心",
    "♥": "心",
    "💗": "心",
    "💖": "心",
    "🛰": "卫",
    "🐧": "鹅",
    "🔫": "枪",
    "丨": "|",
    "丶": ".",
    "灬": ".",
    "💊": "药",
    "🎰": "赌",
}
# `+v`, `+微`: the plus is read as the character for "add".
_PLUS = re.compile(rf"\+(?=\s?[a-z{HAN}])")
# Between the letters of a hidden word; a sentence that ends is none of these.
_ENDS = frozenset("。！？；，、\n")
# Digits and signs for letters. `1` and its likes are `i` or `l`.
_LEET = {"0": "o", "3": "e", "4": "a", "5": "s", "7": "t", "8": "b", "@": "a", "$": "s", "€": "e"}
_LEET_TABLES = tuple(
    str.maketrans({**_LEET, **dict.fromkeys("1!|", letter)}) for letter in ("i", "l")
)
_SIGN = "a-z0-9@$!|€"
_SEPARATORS = " ._*-"
# A word, or one whose letters stand apart (`s h 1 t`).
_LEET_TOKEN = re.compile(
    rf"(?<![{_SIGN}])[{_SIGN}](?:[{_SEPARATORS}][{_SIGN}](?![{_SIGN}])){{2,}}|[{_SIGN}]+"
)
_MIXED = re.compile(rf"[a-z][{_SEPARATORS}]?[0-9@$!|€]|[0-9@$!|€][{_SEPARATORS}]?[a-z]")


def is_han(char: str) -> bool:
    return "\u4e00" <= char <= "\u9fff" or "\u3400" <= char <= "\u4dbf"


@dataclass(frozen=True, slots=True)
class Plain:
    """`places`: of each character the index of the one in the whole text that it was made of."""

    text: str
    places: list[int] | range

    def leet(self) -> list["Plain"]:
        """The readings in which digits and signs within words are letters."""
        if not _MIXED.search(self.text):
            return []
        found: list[Plain] = []
        for table in _LEET_TABLES:
            text = _LEET_TOKEN.sub(lambda token: _letters(token[0], table), self.text)  # noqa: B023
            if text != self.text and text not in [other.text for other in found]:
                found.append(Plain(text, self.places))
        return found


@dataclass(frozen=True, slots=True)
class Squeezed:
    """`places`: indices into `plain`."""

    text: str
    places: list[int]
    plain: Plain

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Where text[start:end] stands in the plain text."""
        return self.places[start], self.places[end - 1] + 1

    def begins_word(self, at: int) -> bool:
        """Whether no Latin letter stands right before a Latin one."""
        place = self.places[at]
        whole = self.plain.text
        return place == 0 or is_han(whole[place]) or not _is_latin(whole[place - 1])


def plain(text: str) -> Plain:
    if text.isascii():
        return Plain(_with_plus(text.lower()), range(len(text)))
    read = legible(text)
    chars: list[str] = []
    places: list[int] = []
    for at, char in enumerate(read.text):
        looks = char if char.isascii() else _looks(char)
        chars.append(looks)
        place = at if read.places is None else read.places[at]
        places += [place] * len(looks)
    return Plain(_with_plus("".join(chars)), places)


def squeezed(text: Plain) -> Squeezed:
    places = [at for at, char in enumerate(text.text) if char.isalnum()]
    return Squeezed("".join([text.text[at] for at in places]), places, text)


def fold(text: str) -> str:
    """The squeezed text alone, as terms of rules are compared."""
    return squeezed(plain(text)).text


def _is_latin(char: str) -> bool:
    return char.isascii() and char.isalnum()


def ends_sentence(gap: str) -> bool:
    return not _ENDS.isdisjoint(gap) or ". " in gap or "? " in gap or "! " in gap


@cache  # bounded by Unicode; a text has some hundred different ones
def _looks(char: str) -> str:
    if (known := _table().get(char)) is not None:
        return known
    bare = unicodedata.normalize("NFD", char)[0]
    return bare if bare.isascii() else unicodedata.normalize("NFKC", char).lower()[:1] or char


@cache
def _table() -> dict[str, str]:
    pairs = dict(_SIGNS)
    for line in (TABLES / "confusables.txt").read_text().splitlines():
        pairs[line[0]] = line[1]
    return pairs


def _with_plus(text: str) -> str:
    return _PLUS.sub("加", text) if "+" in text else text


def _letters(token: str, table: dict[int, str]) -> str:
    """A token with more letters than signs; `a55` and `m3` are models of something. Without signs
    it stays as it is."""
    letters = sum(char.isalpha() for char in token)
    written = sum(char not in _SEPARATORS for char in token)
    return token.translate(table) if letters * 2 >= written and letters > 1 else token
