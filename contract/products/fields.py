"""The fields of a JSON object that is being written: which are complete, and where their values
stand. Pure."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

_SPACE = " \t\n\r"
_decode = json.JSONDecoder().raw_decode


@dataclass(frozen=True)
class WrittenField:
    """`start` and `end`: of the value, in characters of the text."""

    name: str
    start: int
    end: int


def written_fields(text: str) -> Iterator[WrittenField]:
    """The complete fields of the object whose text begins so, in their order. What is no JSON ends
    them. A value is complete when something follows it: 0.9 may still become 0.95."""
    at = _skip(text, 0)
    while at < len(text) and text[at] in "{,":
        try:
            name, at = _decode(text, _skip(text, at + 1))
            colon = _skip(text, at)
            if text[colon] != ":" or not isinstance(name, str):
                return
            start = _skip(text, colon + 1)
            _, end = _decode(text, start)
            at = _skip(text, end)
            if text[at] not in ",}":
                return
        except (ValueError, IndexError, RecursionError):
            return
        yield WrittenField(name, start, end)


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at] in _SPACE:
        at += 1
    return at
