"""How much of a growing text is settled: nothing that follows can make it part of something that
names a person. Pure."""

import re

from gateway.log.personal.legible import CHINESE, legible
from gateway.log.personal.numbers import OWNED_SO_FAR

# Signs between the digits of one number.
_GAP = 4
# Enough for a number or a name with signs in it; a longer text without a space is searched so far.
_REACH = 300
# `name at gmail dot com`, and all that may still come of it. It is tried where a word begins only.
_SPOKEN = re.compile(r"(?<!\S)\S+ ?(?:at|[(\[{]at?[)\]}])(?: \S*+){0,7}+\Z", re.IGNORECASE)
# Such a number of eleven emoji, and a word of who owns it.
_OWNED_REACH = 100
# An address of mail: its host, which may have Chinese full stops in it, and what is not before it.
_HOST = re.compile(r"[@＠]\S*\Z")
_LONGEST_HOST = 80
_LONGEST_NAME = 64
_NOT_OF_NAME = "，！？；："
_END_OF_WORD = "，。！？、；：“”‘’《》「」…"


def settled(text: str) -> int:
    """Characters from the front. Held back is the last word in Latin letters, or a number in any
    digits with the signs between them."""
    least = max(0, len(text) - _REACH)
    at = _beginning(text, len(text), least)
    if at == len(text) and at > least and text[at - 1] == " ":
        at = _beginning(text, at - 1, least)  # ` at ` may follow
    spoken = _SPOKEN.search(text[least:])
    spoken_at = spoken.start() + least if spoken else at
    return min(at, spoken_at, _mail(text, least), _owned(text, max(0, len(text) - _OWNED_REACH)))


def _owned(text: str, least: int) -> int:
    """Where a number begins whose owner may still be told; the text's length if nowhere."""
    end = text[least:]
    read = legible(end).with_chinese_digits()
    found = OWNED_SO_FAR.search(read.text)
    return least + read.span(*found.span(), end)[0] if found else len(text)


def _mail(text: str, least: int) -> int:
    """Where an address of mail may have begun; the text's length if nowhere."""
    host = _HOST.search(text, max(least, len(text) - _LONGEST_HOST - 1))
    if host is None:
        return len(text)
    at = host.start()
    least = max(least, at - _LONGEST_NAME)
    while at > least and not (text[at - 1].isspace() or text[at - 1] in _NOT_OF_NAME):
        at -= 1
    return at


def _beginning(text: str, at: int, least: int) -> int:
    while at > least:
        if _is_of_word(text[at - 1]):
            at -= 1
            continue
        before = at
        while before > least and at - before < _GAP and not text[before - 1].isalnum():
            before -= 1
        if before == least or not _is_digit(text[before - 1]):
            break
        at = before
    return at


def _is_digit(char: str) -> bool:
    return char.isdigit() or char in CHINESE


def _is_of_word(char: str) -> bool:
    han = "\u3040" <= char <= "\u9fff" and char not in CHINESE
    return not (han or char.isspace() or char in _END_OF_WORD)
