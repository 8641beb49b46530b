"""Takes what names a person out of text before it is stored: numbers of phones, identity papers,
cards and cars, addresses of mail, ids of messengers, in whatever digits. Pure."""

import re
from collections.abc import Iterator

from contract.text.looks import ENCLOSED, ranges
from gateway.cache.sharing import SharePolicy
from gateway.log.personal.accounts import accounts, addresses
from gateway.log.personal.found import Findings, Found
from gateway.log.personal.legible import CHINESE, Legible, legible, simplified
from gateway.log.personal.numbers import numbers
from gateway.log.personal.profiles import NAMES, SHORT_NAMES, profiles
from gateway.log.personal.settled import settled

# A text with something personal has one of these; most have none, and are not looked at again. Each
# begins with a class of characters: that is what makes it fast.
_DIGIT = rf"[\d⁰¹²³⁴-⁹₀-₉{''.join(CHINESE)}{ranges(ENCLOSED)}]"
_DIGITS = re.compile(rf"{_DIGIT}(?:[\W_]{{0,4}}{_DIGIT}){{4}}")
_PLATE = re.compile(
    r"[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼使领][A-Za-z].?[A-Za-z\d]"
)
# Letters in other clothes; punctuation in full width is how Chinese is written.
_DRESSED = "０-９Ａ-Ｚａ-ｚ\u2102-\u2149⒜-ⓩ\U0001d400-\U0001d7ff\U0001f110-\U0001f189"
_SIGNS = re.compile(f"[＠﹫艾微薇溦卫➕护企扣证{_DRESSED}]")
_WORDS = (
    *(
        *NAMES,
        "passport",
        "hkid",
        "#",
        " dot ",
        "@",
        "+v",
        "+ v",
        "加v",
    ),
    *("加我v", "加q", "车牌", "q号", "威信", "维信", "徽信", "威芯", "维芯"),
)
_SPELT = re.compile(r"[vwq](?: ?[xq信:：]|ei ?[信芯x]|e chat)")
_BRACKETED_AT = re.compile(r"[(\[{]at?[)\]}]")
_SPOKEN = re.compile(r" at \w+\.")
# What is left of a number in a number may only now be seen to be another.
MOST_ROUNDS = 4


def masked(text: str) -> str:
    """`text` with `[email]`, `[id]`, `[phone]`, `[passport]`, `[plate]`, `[account]`, `[card]` in
    place of what names a person."""
    for _ in range(MOST_ROUNDS):
        if not _suspicious(text):
            break
        found = sorted(_found(text), key=lambda it: (it.start, -it.end))
        if not found:
            break
        text = _without(text, found)
    return text


def personal(*texts: str) -> bool:
    """Whether one of them names a person."""
    return any(_suspicious(text) and next(_found(text), None) is not None for text in texts)


SHARED = SharePolicy(personal, settled)
"""What of an answer may be given to others than its asker."""


def _suspicious(text: str) -> bool:
    lower = text.lower() if text.isascii() else simplified(text.lower())
    return bool(
        _DIGITS.search(lower)
        or _SPELT.search(lower)
        or SHORT_NAMES.search(lower)
        or _BRACKETED_AT.search(lower)
        or any(word in lower for word in _WORDS)
        or (" at " in lower and _SPOKEN.search(lower))
        or (not text.isascii() and (_SIGNS.search(lower) or _PLATE.search(lower)))
    )


def _found(text: str) -> Findings:
    """In the order of preference; some may lie in others."""
    read = legible(text)
    yield from _named(read, text)
    if any(char in CHINESE for char in read.text):
        yield from _named(read.with_chinese_digits(), text)


def _named(read: Legible, whole: str) -> Iterator[Found]:
    for rules in (addresses, numbers, accounts, profiles):
        for start, end, label in rules(read.text):
            yield Found(*read.span(start, end, whole), label)


def _without(text: str, found: list[Found]) -> str:
    parts: list[str] = []
    at = 0
    for it in found:
        if it.start >= at:
            parts += [text[at : it.start], f"[{it.label}]"]
        at = max(at, it.end)
    return "".join([*parts, text[at:]])
