"""Words of several lists that stand close to each other. Pure."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

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
    longest = max(span.end - span.start for spans in lists for span in spans)
    for first in lists[0]:
        least, most = first.start - reach, first.start + reach
        near = [starting(spans, least, most)[:MOST_NEAR] for spans in others_in_order]
        if found := _completed(rule, [first], near, longest):
            yield Hit(rule, found[0].start, found[-1].end)


def _completed(
    rule: Rule, chosen: list[TextSpan], near: list[Sequence[TextSpan]], longest: int
) -> list[TextSpan] | None:
    """The chosen words and the first of `near` that go with them, in the text's order. Whatever
    is too far away by now is not tried: of all with all, a text could cost 1,728 tries a word."""
    inorder = sorted(chosen, key=_start)
    if rule.ordered and inorder != chosen:
        return None
    between = [(a.end, b.start - a.end) for a, b in pairwise(inorder)]
    wide = [end for end, gap in between if gap > rule.within]
    if len(wide) > len(near) or any(gap < 0 for _, gap in between):
        return None
    if not near:
        return inorder
    missing = len(near)
    least = inorder[0].start - missing * (rule.within + longest)
    most = inorder[-1].end + missing * rule.within + (missing - 1) * longest
    if wide and missing == 1:  # the last word stands in the gap
        least, most = wide[0], wide[0] + rule.within
    for span in starting(near[0], least, most):
        if found := _completed(rule, [*chosen, span], near[1:], longest):
            return found
    return None


def starting(spans: Sequence[TextSpan], least: int, most: int) -> Sequence[TextSpan]:
    """Those of spans in order that start from `least` to `most`."""
    return spans[bisect_left(spans, least, key=_start) : bisect_right(spans, most, key=_start)]


def _start(span: TextSpan) -> int:
    return span.start
