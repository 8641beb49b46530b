"""Which language an asker uses: decides the language of error messages and of the log's column."""

import re
from collections.abc import Mapping
from typing import Any

# Of an Accept-Language header. A browser names two to ten; what stands behind is not read.
MAX_RANGES = 32
MAX_RANGE_CHARS = 64
_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
# Two make it Japanese: one の among Chinese words is decoration.
_KANA = re.compile("[\u3041-\u3096\u30a1-\u30fa\uff66-\uff9d]")
_HANGUL = re.compile("[\u1100-\u11ff\u3131-\u318e\uac00-\ud7a3]")
_LETTER = re.compile(r"[A-Za-z]")
_SPOKEN = ("en", "zh")
_SUBTAG = re.compile("[-_]")
# Where the scope of a request has the language of its question, once that is known.
ASKED_IN = "shopsight.asked_in"
_WEIGHT = re.compile(r"q *= *([0-9]+(?:\.[0-9]*)?|\.[0-9]+)")


def language_of(text: str) -> str:
    """`zh` when any Han character occurs (shoppers mix in Latin brand names), `en` or `other`, as
    Japanese and Korean are, which have Han characters, too."""
    if len(_KANA.findall(text)) > 1 or _HANGUL.search(text):
        return "other"
    if _HAN.search(text):
        return "zh"
    return "en" if _LETTER.search(text) else "other"


def preferred_language(accept_language: str | None) -> str:
    """`zh` or `en` from an Accept-Language header (RFC 9110, 12.5.4): the one with the higher
    weight, of equal ones the first. What is no range, or no weight, is passed over."""
    weights: dict[str, float] = {}
    ranges = (accept_language or "").split(",", MAX_RANGES)[:MAX_RANGES]
    for item in ranges:
        if len(item) > MAX_RANGE_CHARS:
            continue
        named, *params = item.lower().split(";")
        language, weight = _SUBTAG.split(named.strip(), 1)[0], _weight(params)
        if weight > weights.get(language, -1.0):
            weights.pop(language, None)  # its place is that of its best weight
            weights[language] = weight
    of_others = weights.pop("*", 0.0)
    choices = [language for language in weights if language in _SPOKEN]
    choices += [language for language in _SPOKEN if language not in weights]
    best = max(choices, key=lambda language: weights.get(language, of_others))
    return best if weights.get(best, of_others) > 0 else "en"


def told_in(scope: Mapping[str, Any], accept_language: str | None) -> str:
    """`zh` or `en`, for what a request is told: its question's, else the one that is preferred."""
    asked_in: str | None = scope.get(ASKED_IN)
    return asked_in if asked_in in _SPOKEN else preferred_language(accept_language)


def _weight(params: list[str]) -> float:
    """1 where none can be read."""
    for param in params:
        if (found := _WEIGHT.fullmatch(param.strip())) is not None:
            return min(float(found[1]), 1.0)
    return 1.0
