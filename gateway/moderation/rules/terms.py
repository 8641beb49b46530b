"""One term of the rules, and whether what looks like it in a text is one: it begins and ends with a
word, and nothing but separators stands in it. Pure."""

import re
from dataclasses import dataclass
from itertools import pairwise

from gateway.moderation.reading.plain import Squeezed, ends_sentence, is_han, plain, squeezed
from gateway.moderation.reading.words import CONTEXT, Words

# Separators between two characters of a term: `裸---聊`.
LONGEST_GAP = 6
_PLURAL = re.compile(r"e?s(?![a-z0-9])")
_WORD = re.compile(r"[a-z0-9]")


@dataclass(frozen=True, slots=True)
class Term:
    text: str
    """Squeezed."""
    breaks: tuple[int, ...]
    """Where the term itself has a space or a sign."""
    open_end: bool
    """Whether a word may go on behind it (`prostitut*`)."""

    @classmethod
    def read(cls, written: str) -> "Term":
        made = squeezed(plain(written.removesuffix("*")))
        places = made.places
        breaks = (at for at in range(1, len(places)) if places[at] > places[at - 1] + 1)
        return cls(made.text, tuple(breaks), written.endswith("*"))


def stands(term: Term, text: Squeezed, start: int, end: int) -> bool:
    """Whether text[start:end], which reads like the term, is it, as far as letters go."""
    begin, stop = text.span(start, end)
    whole = text.plain.text
    if not _is_beginning(whole, begin) or not _is_end(term, whole, stop):
        return False
    return stop - begin == end - start or _only_separated(term, text, start, end)


def _is_beginning(whole: str, begin: int) -> bool:
    return begin == 0 or not (_is_latin(whole[begin]) and _is_latin(whole[begin - 1]))


def _is_end(term: Term, whole: str, stop: int) -> bool:
    if term.open_end or stop == len(whole):
        return True
    if not (_is_latin(whole[stop - 1]) and _is_latin(whole[stop])):
        return True
    plural = _PLURAL.match(whole, stop)
    return plural is not None and whole[stop - 1].isalpha() and len(term.text) > 2


def _only_separated(term: Term, text: Squeezed, start: int, end: int) -> bool:
    places = text.places
    gaps = {
        at - start: text.plain.text[places[at - 1] + 1 : places[at]]
        for at in range(start + 1, end)
        if places[at] > places[at - 1] + 1
    }
    if any(len(gap) > LONGEST_GAP for gap in gaps.values()):
        return False
    everywhere = len(gaps) == end - start - 1 and end - start > 2
    if not everywhere and any(map(ends_sentence, gaps.values())):
        return False
    edges = sorted({0, *term.breaks, end - start})
    return all(
        _is_one_word(term.text[a:b], [gaps[at] for at in range(a + 1, b) if at in gaps])
        for a, b in pairwise(edges)
    )


def _is_one_word(word: str, gaps: list[str]) -> bool:
    """`s e x` and `p.orn` are hidden words, `pen is` is two."""
    if not gaps or not word.isascii() or len(gaps) == len(word) - 1:
        return True
    return len(word) > 3 and all(" " not in gap and gap not in "'’" for gap in gaps)


def on_word_boundaries(text: Squeezed, start: int, end: int, words: Words) -> bool:
    """Whether no Chinese word goes on across the ends of text[start:end]."""
    begin, stop = text.span(start, end)
    whole = text.plain.text
    if is_han(whole[begin]) and begin > 0 and is_han(whole[begin - 1]):
        run, at = _run(whole, begin)
        if words.crossed(run, at):
            return False
    if is_han(whole[stop - 1]) and stop < len(whole) and is_han(whole[stop]):
        run, at = _run(whole, stop)
        if words.crossed(run, at):
            return False
    return True


def _run(whole: str, at: int) -> tuple[str, int]:
    """The Chinese characters around a place, and the place in them."""
    first, last = at, at
    while first > max(0, at - CONTEXT) and is_han(whole[first - 1]):
        first -= 1
    while last < min(len(whole), at + CONTEXT) and is_han(whole[last]):
        last += 1
    return whole[first:last], at - first


def _is_latin(char: str) -> bool:
    return bool(_WORD.match(char))
