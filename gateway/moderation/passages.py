"""Parts of a plain text that are judged by themselves: what is innocent around them hides nothing.
All parts of a text together are a few times as long as it. Pure."""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import pairwise

from gateway.moderation.rules.combinations import Hit, TextSpan

# The classifier reads so much at once: a question has 20 characters, the longest answer thousands.
MOST_CHARS = 2_000
# By so much pieces overlap.
OVERLAP = 40
# Of the sentence around what a rule finds: who leaves out full stops hides with 40 twice as much.
AROUND = 20
# Within a word `!` is a letter, and within an address `.` and `?` are signs.
_END = re.compile(r"[。！？；;\n]+|[!?]+(?![a-z0-9])|\.(?=\s)")


def pieces(text: str) -> Iterator[str]:
    for at in range(0, max(1, len(text) - OVERLAP), MOST_CHARS - OVERLAP):
        yield text[at : at + MOST_CHARS]


def sentences(text: str) -> list[TextSpan]:
    """In order; together they are the text."""
    edges = [0, *(found.end() for found in _END.finditer(text)), len(text)]
    return [TextSpan(start, end) for start, end in pairwise(edges) if start < end]


def around(text: str, hits: Iterable[Hit]) -> Iterator[str]:
    """Of each hit the sentence that it stands in, so far as it is near; words of two sentences mean
    nothing together. A hit within what was given before is not asked about again: else a text full
    of them would be read once for each."""
    whole = sentences(text)
    last = TextSpan(0, 0)
    for hit in sorted(hits, key=lambda hit: hit.end):
        sentence = whole[bisect_right(whole, hit.start, key=lambda each: each.start) - 1]
        known = last.start <= hit.start and hit.end <= last.end
        if known or hit.end > sentence.end:
            continue
        start = max(sentence.start, hit.start - AROUND)
        end = min(sentence.end, hit.end + AROUND)
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
