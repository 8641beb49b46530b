"""A text → the features that the classifier weighs: what rules find in it, characters, words, parts
of words, and how it sounds. Pure."""

import re
from collections.abc import Iterator
from itertools import pairwise

from gateway.moderation.passages import without_crossing
from gateway.moderation.reading.plain import HAN, fold, is_han, squeezed
from gateway.moderation.reading.sounds import syllable
from gateway.moderation.rules.contacts import contacts
from gateway.moderation.rules.matcher import Matcher

_LATIN = re.compile(r"[a-z]+")
_HAN = re.compile(f"[{HAN}]")
_ASCII = re.compile(r"[\x00-\x7f]{3,}")
_NUMBER = re.compile(r"\d+")
HAN_GRAMS = (1, 2, 3)
SOUND_GRAMS = (2, 3)
PART_LETTERS = 4
HIDDEN_LETTERS = (3, 4, 5)


def features(text: str, matcher: Matcher) -> frozenset[str]:
    found = set(_found_by_rules(text, matcher))
    read = matcher.rest(text)
    readings = read.leet()
    letters = (readings or [read])[0]
    found.update(_words(letters.text))
    whole = squeezed(read).text
    spelt = squeezed(letters).text if readings else whole
    if _HAN.search(whole):
        found.update(_han(_NUMBER.sub("0", whole)))
    hidden = _NUMBER.sub("0", spelt)
    found.update(_hidden(hidden))
    if _HAN.search(hidden):
        found.update(_sounds(hidden))
    # A phone or an address of mail is its owner's, until rules say more.
    found.update(name for name, _, _ in contacts(read.text) if name in ("@account", "@url"))
    if readings or len(whole) * 3 < len(read.text) * 2:
        found.add("@disguised")
    return frozenset(found)


def _found_by_rules(text: str, matcher: Matcher) -> Iterator[str]:
    """The category, and the phrase or the lists of the rule: some phrases mean more than others."""
    read = matcher.reading(text).plain.text
    for hit in without_crossing(read, matcher.find(text)):
        phrase = fold(read[hit.start : hit.end])
        yield f"!{hit.rule.category}"
        yield f"!{phrase}" if hit.rule.phrases else f"!{hit.rule.category} {' '.join(hit.rule.all)}"


def _han(text: str) -> Iterator[str]:
    """Runs of characters by one, two and three; with Latin letters beside them."""
    han = [is_han(char) for char in text]
    for size in HAN_GRAMS:
        for at in range(len(text) - size + 1):
            if han[at] or han[at + size - 1]:
                yield text[at : at + size]


def _words(text: str) -> Iterator[str]:
    words = _LATIN.findall(_NUMBER.sub(" n ", text))
    yield from (f" {word} " for word in words)
    yield from (f" {a} {b} " for a, b in pairwise(words))
    yield from (f" {a} _ {b} " for a, b in zip(words, words[2:], strict=False))
    for word in words:
        marked = f"<{word}>"
        if len(word) >= PART_LETTERS:
            yield from (marked[at : at + 4] for at in range(len(marked) - 3))


def _hidden(text: str) -> Iterator[str]:
    """Runs of letters and digits, whatever stood between them."""
    for run in _ASCII.findall(text):
        for size in HIDDEN_LETTERS:
            for at in range(len(run) - size + 1):
                gram = run[at : at + size]
                if not gram.isdigit():
                    yield f"={gram}"


def _sounds(text: str) -> Iterator[str]:
    """Syllables: of characters that only sound like a word."""
    heard = [syllable(char) for char in text]
    han = [is_han(char) for char in text]
    for size in SOUND_GRAMS:
        for at in range(len(text) - size + 1):
            if any(han[at : at + size]):
                yield f"~{' '.join(heard[at : at + size])}"
