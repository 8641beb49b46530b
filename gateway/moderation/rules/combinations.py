"""Words of several lists that stand close to each other. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise, product

from gateway.moderation.rules.ruleset import Rule

# Characters of a list's word, and how many of each list are tried around another.
LONGEST_WORD = 30
MOST_NEAR = 12


@dataclass(frozen=True, slots=True)
class Hit:
    """`start` and `end` in the plain text."""

    rule: Rule
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class TextSpan:
    start: int
    end: int


def combined(rule: Rule, lists: list[list[TextSpan]]) -> Iterator[Hit]:
    """The closest words of all lists, where they are close enough."""
    reach = len(lists) * (rule.within + LONGEST_WORD)
    for first in lists[0]:
        near = [[at for at in spans if abs(at.start - first.start) <= reach] for spans in lists[1:]]
        for others in product(*(spans[:MOST_NEAR] for spans in near)):
            spans = [first, *others]
            inorder = sorted(spans, key=lambda at: at.start)
            if rule.ordered and inorder != spans:
                continue
            between = [b.start - a.end for a, b in pairwise(inorder)]
            if all(0 <= gap <= rule.within for gap in between):
                yield Hit(rule, inorder[0].start, inorder[-1].end)
                break
