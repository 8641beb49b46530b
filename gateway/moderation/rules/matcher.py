"""Where a text does what the rules forbid. All terms of all rules are looked for at once
(Aho-Corasick); what is found is checked against words, and combinations are put together. Pure."""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from gateway.moderation.reading.plain import Plain, Squeezed, is_han, plain, squeezed
from gateway.moderation.reading.sounds import Sounds, sounds, syllable
from gateway.moderation.reading.words import Words
from gateway.moderation.rules.combinations import Hit, TextSpan, combined, starting
from gateway.moderation.rules.contacts import contacts
from gateway.moderation.rules.index import Index
from gateway.moderation.rules.ruleset import Rule, RuleSet
from gateway.moderation.rules.terms import Term, on_word_boundaries, stands

# Sounds alike are many short words. A term that is found by its sound has three syllables or more.
LEAST_SYLLABLES = 3
LEAST_SOUND_LETTERS = 6
_HARMLESS = "harmless"
_HARMLESS_SIGN = " ◇ "
_STARRED = re.compile(r"(?<![a-z0-9*])[a-z]+\*+[a-z]+(?![a-z0-9*])")
_LATIN = re.compile(r"[a-z]+")


@dataclass(frozen=True, slots=True)
class Terms:
    """What stands in a text: terms by what they are for, and where it is harmless."""

    found: list[tuple[Rule | str, TextSpan]]
    harmless: list[TextSpan]
    """In order."""


@dataclass(frozen=True, slots=True)
class Reading:
    plain: Plain
    terms: Terms


class Matcher:
    def __init__(self, rules: RuleSet) -> None:
        self.rules = rules
        uses: dict[str, set[Rule | str]] = defaultdict(set)
        for rule in rules.rules:
            for phrase in rule.phrases:
                uses[phrase].add(rule)
        for name, phrases in rules.lists.items():
            for phrase in phrases:
                uses[phrase].add(name)
        for phrase in rules.harmless:
            uses[phrase].add(_HARMLESS)
        self.index = Index(uses)
        harmless = frozenset(squeezed(plain(phrase)).text for phrase in rules.harmless)
        self.words = Words(
            (text for text in self.index.texts if text not in harmless and is_han(text[0])),
            harmless,
        )
        self.sound_index = Index(_sounding(rules))
        self.combinations = [rule for rule in rules.rules if rule.all]
        self._latin: dict[tuple[int, str, str], list[str]] = defaultdict(list)
        for word in sorted({word for written in uses for word in _LATIN.findall(written.lower())}):
            self._latin[_ends(word)].append(word)
        self.find = lru_cache(256)(self._find)
        # Of the text at hand: rules and classifier read it one after the other.
        self.reading = lru_cache(4)(self._reading)

    def forget(self) -> None:
        self.find.cache_clear()
        self.reading.cache_clear()

    def _find(self, text: str) -> tuple[Hit, ...]:
        """What `text` does, in its order."""
        read = self.reading(text)
        return tuple(self._hits(read.plain, read.terms.found))

    def _reading(self, text: str) -> Reading:
        read = plain(text)
        return Reading(read, self._terms_in(read))

    def rest(self, text: str) -> Plain:
        """The text without what is harmless: a classifier would take it for what it names."""
        read = self.reading(text).plain
        parts, end = [], 0
        for at in self.reading(text).terms.harmless:
            if at.start >= end:
                parts.append(read.text[end : at.start])
            end = max(end, at.end)
        if not parts:
            return read
        return plain(_HARMLESS_SIGN.join([*parts, read.text[end:]]))

    def hits(self, read: Plain) -> list[Hit]:
        return self._hits(read, self._terms_in(read).found)

    def _hits(self, read: Plain, found: list[tuple[Rule | str, TextSpan]]) -> list[Hit]:
        hits = [Hit(use, at.start, at.end) for use, at in found if isinstance(use, Rule)]
        lists: dict[str, list[TextSpan]] = defaultdict(list)
        for use, at in found:
            if isinstance(use, str):
                lists[use].append(at)
        for name, start, end in contacts(read.text):
            lists[name].append(TextSpan(start, end))
        for rule in self.combinations:
            if all(name in lists for name in rule.all):
                hits += combined(rule, [lists[name] for name in rule.all])
        return sorted(hits, key=lambda hit: hit.start)

    def _terms_in(self, read: Plain) -> Terms:
        """Those within harmless ones are none."""
        found: dict[tuple[int, TextSpan], tuple[Rule | str, TextSpan]] = {}
        harmless: list[TextSpan] = []
        whole = squeezed(read)
        for use, at in self._standing(whole):
            if use == _HARMLESS:
                harmless.append(at)
            else:
                found[id(use), at] = use, at
        for leet in [*read.leet(), *self._starred(read)]:
            for use, at in self._standing(squeezed(leet)):
                if use != _HARMLESS:
                    found[id(use), at] = use, at
        for use, at in self._sounding(whole):
            found[id(use), at] = use, at
        harmless.sort(key=lambda at: at.start)
        longest = max((at.end - at.start for at in harmless), default=0)
        return Terms(
            [each for each in found.values() if not _excused(each[1], harmless, longest)], harmless
        )

    def _starred(self, read: Plain) -> Iterator[Plain]:
        """With the words that a star may stand in: `p*rn`."""
        if not _STARRED.search(read.text):
            return

        def word(found: re.Match[str]) -> str:
            known = self._latin.get(_ends(found[0]), ())
            return next((each for each in known if _is_with_stars(each, found[0])), found[0])

        text = _STARRED.sub(word, read.text)
        if text != read.text:
            yield Plain(text, read.places)

    def _standing(self, text: Squeezed) -> Iterator[tuple[Rule | str, TextSpan]]:
        for number, start, end in self.index.found(text.text):
            for term, purposes in self.index.terms[number]:
                if not stands(term, text, start, end):
                    continue
                at = TextSpan(*text.span(start, end))
                whole_words: bool | None = None
                for use in purposes:
                    # Verbs of combinations melt with what is beside them: 想买点大麻.
                    if use == _HARMLESS or (isinstance(use, str) and end - start > 1):
                        yield use, at
                        continue
                    if whole_words is None:
                        whole_words = on_word_boundaries(text, start, end, self.words)
                    if whole_words:
                        yield use, at

    def _sounding(self, text: Squeezed) -> Iterator[tuple[Rule | str, TextSpan]]:
        if not self.sound_index.texts:
            return
        heard = sounds(text)
        for number, start, end in self.sound_index.found(heard.text):
            first, last = heard.places[start], heard.places[end - 1] + 1
            if not _whole_syllables(heard, start, end):
                continue
            for term, purposes in self.sound_index.terms[number]:
                reads = text.text[first:last]
                breaks = term.breaks if reads.isascii() else ()
                if (
                    self._may_stand_for(reads, end - start)
                    and stands(Term(reads, breaks, open_end=False), text, first, last)
                    and on_word_boundaries(text, first, last, self.words)
                ):
                    at = TextSpan(*text.span(first, last))
                    for use in purposes:
                        yield use, at

    def _may_stand_for(self, reads: str, letters: int) -> bool:
        """Typed in letters, half in letters, or in characters that make no ordinary words."""
        han = sum(map(is_han, reads))
        if han == 0:
            return letters >= LEAST_SOUND_LETTERS
        if han < len(reads):
            return True
        split = self.words.split(reads)
        return han >= LEAST_SYLLABLES and any(end - start == 1 for start, end in split)


def _sounding(rules: RuleSet) -> dict[str, set[Rule | str]]:
    """Syllables of the phrases that count by their sound."""
    uses: dict[str, set[Rule | str]] = defaultdict(set)
    for rule in rules.rules:
        if not rule.sound:
            continue
        for phrase in rule.phrases:
            text = squeezed(plain(phrase))
            if len(text.text) > 1 and all(map(is_han, text.text)):
                uses[" ".join(map(syllable, text.text))].add(rule)
    return uses


def _ends(word: str) -> tuple[int, str, str]:
    """What a word has in common with what is written for it with stars."""
    return len(word), word[0], word[-1]


def _is_with_stars(word: str, starred: str) -> bool:
    return all(there in ("*", char) for char, there in zip(word, starred, strict=True))


def _whole_syllables(heard: Sounds, start: int, end: int) -> bool:
    places = heard.places
    begins = start == 0 or places[start - 1] != places[start]
    return begins and (end == len(places) or places[end - 1] != places[end])


def _excused(at: TextSpan, harmless: Sequence[TextSpan], longest: int) -> bool:
    """Within a harmless phrase, or across the edge of one that is as long. `harmless`: in order,
    none longer than `longest`."""
    length = at.end - at.start
    return any(
        at.start < it.end and length <= it.end - it.start
        for it in starting(harmless, at.start - longest, at.end - 1)
    )
