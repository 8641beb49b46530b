"""Words of several lists that stand close to each other. Pure."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
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
    others_in_order = [sorted(spans, key=_start) for spans in lists[1:]]
    for first in lists[0]:
        least, most = first.start - reach, first.start + reach
        near = (starting(spans, least, most)[:MOST_NEAR] for spans in others_in_order)
        for others in product(*near):
            spans = [first, *others]
            inorder = sorted(spans, key=lambda at: at.start)
            if rule.ordered and inorder != spans:
                continue
            between = [b.start - a.end for a, b in pairwise(inorder)]
            if all(0 <= gap <= rule.within for gap in between):
                yield Hit(rule, inorder[0].start, inorder[-1].end)
                break


def starting(spans: Sequence[TextSpan], least: int, most: int) -> Sequence[TextSpan]:
    """Those of spans in order that start from `least` to `most`."""
    return spans[bisect_left(spans, least, key=_start) : bisect_right(spans, most, key=_start)]


def _start(span: TextSpan) -> int:
    return span.start
