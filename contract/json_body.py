"""Bytes → one JSON object, refusing what lenient parsers let through (and filters then miss)."""

import json
import math
import re
from typing import Any, NoReturn

from contract.errors import InvalidField, InvalidJSON

# Ours and OpenAI's requests nest about 6 deep; the rest is an attack on the parser's stack.
MAX_DEPTH = 32
# Brackets and commas: parsing 50,000 items takes 30 ms of everybody's time, 13 MB of them 4 s. The
# longest conversation allowed has some hundred, and commas in its text.
MAX_STRUCTURE = 50_000
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


def parse_object(body: bytes, max_depth: int = MAX_DEPTH) -> dict[str, Any]:
    """Parse a UTF-8 JSON object. Raises InvalidJSON for duplicate keys, NaN, a BOM, deep nesting,
    and a number that no float can hold."""
    if sum(map(body.count, (b"{", b"[", b","))) > MAX_STRUCTURE:
        raise InvalidJSON
    try:
        value = json.loads(
            body.decode("utf-8"),
            object_pairs_hook=_unique,
            parse_float=_finite,
            parse_constant=_no_constant,
        )
    except (ValueError, RecursionError):  # UnicodeDecodeError and JSONDecodeError are ValueErrors
        raise InvalidJSON from None
    if not isinstance(value, dict):
        raise InvalidJSON
    if _depth(value, max_depth) > max_depth:
        raise InvalidJSON
    if _SURROGATE.search(body):
        _check_encodable(value)
    return value


def _check_encodable(value: dict[str, Any]) -> None:
    """A lone surrogate is valid JSON, but no text: it would fail wherever it is sent."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise InvalidField from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise InvalidJSON
    return result


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):  # 1e400: no number of JSON's either, once it is sent on
        raise InvalidJSON
    return number


def _no_constant(name: str) -> NoReturn:
    raise InvalidJSON


def _depth(value: Any, enough: int) -> int:
    deepest, level = 0, [value]
    while level and deepest <= enough:
        deepest += 1
        level = [
            child
            for item in level
            if isinstance(item, dict | list)
            for child in (item.values() if isinstance(item, dict) else item)
        ]
    return deepest
