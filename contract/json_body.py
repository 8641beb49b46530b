"""Bytes → one JSON object, refusing what lenient parsers let through (and filters then miss)."""

import json
from typing import Any, NoReturn

from contract.errors import InvalidJSON

# Ours and OpenAI's requests nest about 6 deep; the rest is an attack on the parser's stack.
MAX_DEPTH = 32


def parse_object(body: bytes) -> dict[str, Any]:
    """Parse a UTF-8 JSON object; duplicate keys, NaN, a BOM and deep nesting raise InvalidJSON."""
    try:
        value = json.loads(
            body.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant
        )
    except (ValueError, RecursionError):  # UnicodeDecodeError and JSONDecodeError are ValueErrors
        raise InvalidJSON from None
    if not isinstance(value, dict):
        raise InvalidJSON
    if _depth(value) > MAX_DEPTH:
        raise InvalidJSON
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise InvalidJSON
    return result


def _no_constant(name: str) -> NoReturn:
    raise InvalidJSON


def _depth(value: Any) -> int:
    deepest, level = 0, [value]
    while level and deepest <= MAX_DEPTH:
        deepest += 1
        level = [
            child
            for item in level
            if isinstance(item, dict | list)
            for child in (item.values() if isinstance(item, dict) else item)
        ]
    return deepest
