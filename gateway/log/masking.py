"""Replaces personal data in text before it is stored: phone numbers, e-mail addresses, identity and
card numbers. Pure. Prices, sizes, model numbers and bar codes stay."""

import re

# `\d` is a digit of any script, full width ones included. A match may not be a part of a longer
# number, nor of a code such as SKU-13812345678X.
_START = r"(?<![\dA-Za-z_])(?<!\d[.,])"
_END = r"(?![\dA-Za-z_])(?![.,]\d)"
_GAP = r"[ \u00a0.\-‐–－]?"

# Every pattern below needs one of these. Most texts have none and skip the patterns (0.4 us).
_SUSPICIOUS = re.compile(r"[@＠]|\d(?:[ \u00a0.()\-‐–－]{0,2}\d){6}")

_EMAIL = re.compile(r"[A-Za-z0-9._%+\-]{1,64}[@＠](?:[A-Za-z0-9\-]{1,63}[.．]){1,4}[A-Za-z]{2,24}")
# Resident identity card, GB 11643: region, birth date, sequence, check character.
_ID = re.compile(
    rf"{_START}\d{{6}}{_GAP}(?:[1１][89８９]|[2２][0０])\d\d[01０１]\d[0-3０-３]\d{_GAP}\d{{3}}"
    r"[\dXxＸｘ](?![\dA-Za-z_])"
)
_CARD = re.compile(rf"{_START}\d(?:{_GAP}\d){{14,18}}{_END}")
_PHONE = re.compile(
    rf"{_START}(?:"
    # a mobile of the mainland, alone or with +86
    rf"(?:(?:[+＋]|[0０]{{2}})?[8８][6６]{_GAP})?[1１][3-9３-９]\d{_GAP}\d{{4}}{_GAP}\d{{4}}"
    # another country's, always with its +
    rf"|[+＋]\d{{1,3}}{_GAP}\(?\d{{1,4}}\)?(?:{_GAP}\d{{2,4}}){{2,4}}"
    # a landline with its area code
    r"|\(?[0０]\d{2,3}\)?[ \-－]\d{7,8}"
    # North American: 555-867-5309, (555) 867-5309
    r"|\(?[2-9]\d{2}\)?[ .\-]\d{3}[.\-]\d{4}"
    rf"){_END}"
)


def masked(text: str) -> str:
    """`text` with `[email]`, `[id]`, `[card]` and `[phone]` in place of personal data."""
    if not _SUSPICIOUS.search(text):
        return text
    text = _EMAIL.sub("[email]", text)
    text = _ID.sub("[id]", text)
    text = _PHONE.sub("[phone]", text)
    return _CARD.sub(lambda match: "[card]" if _is_card(match[0]) else match[0], text)


def _is_card(text: str) -> bool:
    """Whether the last digit is the check digit of ISO/IEC 7812 (Luhn). One in ten passes."""
    digits = [int(character) for character in text if character.isdigit()]
    if len(set(digits)) == 1:
        return False
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0
