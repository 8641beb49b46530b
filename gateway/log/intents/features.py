"""A question → the features that the classifier of intents weighs: characters, words and classes
of words of all of it, and again of its first clause, since what is asked first decides. Pure."""

import re
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path

import marisa_trie

from gateway.moderation.reading.plain import plain

# Longer questions are told by their beginning.
MOST_CHARS = 240
_NUMBER = re.compile(r"\d+")
_HAN = "\u3400-\u9fff"
_CLAUSE_END = re.compile(rf"[.,;:!?。、~…\n]+|(?<=[{_HAN}])\s+|\s-+\s|\b(?:and|also|plus|but|or)\b")
_RUNS = re.compile(rf"[{_HAN}]+|[a-z0']+")
PART_LETTERS = 4
HAN_GRAMS = (1, 2, 3)
# A coarse and a fine class for each English word (training/word_classes.py).
WORD_CLASSES = Path(__file__).parent / "words.marisa"
CLASS_FORMAT = "<BH"


def features(question: str) -> frozenset[str]:
    text = _NUMBER.sub("0", plain(question[:MOST_CHARS]).text)
    found = set(_grams(text, ""))
    first = next((part for part in _CLAUSE_END.split(text) if part.strip()), "")
    found.update(_grams(first, "1"))
    return frozenset(found)


def _grams(text: str, mark: str) -> Iterator[str]:
    runs = _RUNS.findall(text)
    words = ["^"]
    for run in runs:
        if run[0] >= "\u3400":
            words.append("#")
            padded = f"^{run}$"
            for size in HAN_GRAMS:
                for at in range(len(padded) - size + 1):
                    yield mark + padded[at : at + size]
        else:
            words.append(run)
    words.append("$")
    for word in words:
        if word not in "^#$":
            yield f"{mark} {word} "
            if not mark and len(word) >= PART_LETTERS:
                marked = f"<{word}>"
                yield from (marked[at : at + 4] for at in range(len(marked) - 3))
    yield from (f"{mark} {a} {b} " for a, b in pairwise(words))
    yield from _classes(words, mark)
    if not mark:
        yield from (f" {a} _ {b} " for a, b in zip(words, words[2:], strict=False))
        yield from (f" {a} {b} {c} " for a, b, c in zip(words, words[1:], words[2:], strict=False))


def _classes(words: Sequence[str], mark: str) -> Iterator[str]:
    """Of each word, and of each pair of words with one of them named by its classes."""
    named = [(word, _classes_of(word)) for word in words]
    for _, found in named:
        yield from (f"{mark}~{each}" for each in found)
    if not mark:
        for (a, of_a), (b, of_b) in pairwise(named):
            yield from (f"~{a} {each}" for each in of_b or (b,))
            yield from (f"~{each} {b}" for each in of_a or (a,))


def _classes_of(word: str) -> tuple[str, ...]:
    return tuple(
        f"{level}{each}"
        for found in _known().get(word, ())
        for level, each in zip("cf", found, strict=True)
    )


@cache
def _known() -> marisa_trie.RecordTrie:
    trie = marisa_trie.RecordTrie(CLASS_FORMAT)
    trie.load(str(WORD_CLASSES))
    return trie
