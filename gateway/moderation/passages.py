"""Parts of a plain text that are judged by themselves: what is innocent around them hides nothing.
All parts of a text together are a few times as long as it. Pure."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from itertools import pairwise

from gateway.moderation.reading.plain import HAN
from gateway.moderation.rules.combinations import Hit, TextSpan

# The classifier reads so much at once: a question has 20 characters, the longest answer thousands.
MOST_CHARS = 2_000
# By so much pieces overlap.
OVERLAP = 40
# Of the sentence around what a rule finds: who leaves out full stops hides with 40 twice as much.
AROUND = 20
# Of a plain text, which has `!` for `！`. Within a word that is a letter, and within an address `.`
# and `?` are signs; behind Chinese they are neither.
_END = re.compile(rf"[。;\n]+|(?<=[{HAN}])[!?]+|[!?]+(?![a-z0-9])|\.(?=\s)")


def pieces(text: str) -> Iterator[str]:
    for at in range(0, max(1, len(text) - OVERLAP), MOST_CHARS - OVERLAP):
        yield text[at : at + MOST_CHARS]


def sentences(text: str) -> list[TextSpan]:
    """In order; together they are the text."""
    edges = [0, *(found.end() for found in _END.finditer(text)), len(text)]
    return [TextSpan(start, end) for start, end in pairwise(edges) if start < end]


def without_crossing(text: str, hits: Iterable[Hit]) -> list[Hit]:
    """Words of two sentences mean nothing together. What separates the characters of a phrase is
    no end of a sentence: `裸;聊`."""
    ends = [each.end for each in sentences(text)]
    return [
        hit
        for hit in hits
        if hit.rule.phrases or bisect_right(ends, hit.start) == bisect_left(ends, hit.end)
    ]


def around(text: str, hits: Iterable[Hit]) -> Iterator[str]:
    """Of each hit the sentence that it stands in, so far as it is near. A hit within what was given
    before is not asked about again: else a text full of them would be read once for each."""
    whole = sentences(text)
    ends = [each.end for each in whole]
    last = TextSpan(0, 0)
    for hit in sorted(hits, key=lambda hit: hit.end):
        if last.start <= hit.start and hit.end <= last.end:
            continue
        start = max(whole[bisect_right(ends, hit.start)].start, hit.start - AROUND)
        end = min(ends[bisect_left(ends, hit.end)], hit.end + AROUND)
        while start < hit.start and _is_within_word(text, start):
            start += 1
        while end > hit.end and _is_within_word(text, end):
            end -= 1
        last = TextSpan(start, end)
        yield text[start:end]


def is_followed(text: str, end: int) -> bool:
    """Whether all that `around` gives behind a hit is there, or its sentence has ended."""
    return len(text) >= end + AROUND or _END.search(text, end) is not None


def _is_within_word(text: str, at: int) -> bool:
    beside = text[at - 1 : at + 1] if at else ""
    return len(beside) == 2 and beside.isascii() and beside.isalnum()
