"""Which language an asker uses: decides the language of error messages and of the log's column."""

import re

_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
_LETTER = re.compile(r"[A-Za-z]")


def language_of(text: str) -> str:
    """`zh` when any Han character occurs (shoppers mix in Latin brand names), `en` or `other`."""
    if _HAN.search(text):
        return "zh"
    return "en" if _LETTER.search(text) else "other"


def preferred_language(accept_language: str | None) -> str:
    """`zh` or `en` from an Accept-Language header: the first of the two that it names."""
    for item in (accept_language or "").lower().split(","):
        tag = item.split(";")[0].strip()
        if tag.startswith("zh"):
            return "zh"
        if tag.startswith("en"):
            return "en"
    return "en"
