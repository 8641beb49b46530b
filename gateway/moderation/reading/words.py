"""Where words begin and end in Chinese: the likeliest split by how often each word is written.

A dictionary of jieba's in a MARISA trie takes 1 MB; jieba's own bindings take 33 MB and more of a
gateway's 150.
"""

from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

import marisa_trie

TABLES = Path(__file__).parent / "tables"
WORD_FORMAT = "<B"
# A word's cost is its negative logarithm in such units: one byte holds it.
COST_A_UNIT = 0.08
_UNKNOWN = 250  # a character that is in no dictionary
_NO_WORDS: list[tuple[int]] = []
# Characters around a hit that are looked at: a word has six at most.
CONTEXT = 12


class Words:
    """`terms` and `more` count as words as rare as the rarest of the dictionary."""

    def __init__(self, terms: Iterable[str] = (), more: Iterable[str] = ()) -> None:
        self._trie = marisa_trie.RecordTrie(WORD_FORMAT)
        self._trie.load(str(TABLES / "words.marisa"))
        self._terms = frozenset(terms)
        self._added = self._terms | frozenset(more)
        self._longest = max([6, *map(len, self._added)])
        self.split = lru_cache(500)(self._split)

    def crossed(self, text: str, at: int) -> bool:
        """Whether a word of the language, not a term, goes on across this place."""
        return any(
            start < at < end and text[start:end] not in self._terms
            for start, end in self.split(text)
        )

    def _split(self, text: str) -> tuple[tuple[int, int], ...]:
        """The words, as their places in the text."""
        best = [0, *[1 << 30] * len(text)]
        came_from = [0] * (len(text) + 1)
        for at in range(len(text)):
            for word, cost in self._from(text[at : at + self._longest]):
                end = at + len(word)
                if best[at] + cost < best[end]:
                    best[end], came_from[end] = best[at] + cost, at
        found = []
        end = len(text)
        while end:
            found.append((came_from[end], end))
            end = came_from[end]
        return tuple(found)

    def _from(self, text: str) -> Iterable[tuple[str, int]]:
        yield text[0], _UNKNOWN
        for word in self._trie.prefixes(text):
            yield word, self._trie[word][0][0]
        for size in range(2, len(text) + 1):
            if text[:size] in self._added:
                yield text[:size], _TERM


# Ten occurrences in jieba's corpus of 60 million words.
_TERM = 195
