"""Terms of rules and what they are for, all looked for at once (Aho-Corasick). Pure."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable

import ahocorasick_rs

from gateway.moderation.rules.ruleset import Rule
from gateway.moderation.rules.terms import Term


class Index:
    """Terms by what they are for: a rule, a list's name, or harmless."""

    def __init__(self, uses: dict[str, set[Rule | str]]) -> None:
        by_text: dict[str, dict[Term, frozenset[Rule | str]]] = defaultdict(dict)
        # Thousands of terms are for the same: one object for all of them.
        shared: dict[frozenset[Rule | str], frozenset[Rule | str]] = {}
        for written, purposes in uses.items():
            term = Term.read(written)
            if term.text:
                of_text = by_text[term.text]
                all_ = of_text.get(term, frozenset()) | purposes
                of_text[term] = shared.setdefault(all_, all_)
        self.texts = list(by_text)
        self.terms = [tuple(by_text[text].items()) for text in self.texts]
        self._sorted = sorted(self.texts)
        self.longest = max(map(len, self.texts), default=0)
        self._automaton = ahocorasick_rs.AhoCorasick(self.texts)

    def found(self, text: str) -> list[tuple[int, int, int]]:
        return self._automaton.find_matches_as_indexes(text, overlapping=True)

    def open_from(self, text: str, begins: Callable[[int], bool]) -> int | None:
        """The first place, of those at which one may begin, from which a growing text may still
        become a term."""
        for at in filter(begins, range(max(0, len(text) - self.longest + 1), len(text))):
            tail = text[at:]
            near = bisect_left(self._sorted, tail)
            if near < len(self._sorted) and self._sorted[near].startswith(tail):
                return at
        return None
