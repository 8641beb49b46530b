"""Numbers that name a person by their shape alone: phones, identity cards, bank cards. Pure."""

import re
from itertools import accumulate, pairwise

from gateway.log.personal.found import (
    Findings,
    Found,
    digits_of,
    is_iban,
    is_luhn,
    is_round,
    is_series,
    is_upc,
)

# Where a number may begin: not in a longer one, nor in a code such as SKU-13812345678X, unless a
# word for a phone stands there.
_OPENING = re.compile(
    r"(?:(?<![\da-z_])(?<!\d\.)|(?<=tel)|(?<=mob)|(?<=cell)|(?<=call)|(?<=phone)|(?<=\bwx)|(?<=\bvx)"
    r"|(?<=[^a-z]wx)|(?<=[^a-z]vx))[+(]{0,2}\s?\d"
)
END = r"(?![\da-z_])(?!\.\d)(?!,\d{3}(?!\d))"
# Between the digits of one number; in a mobile number, whose groups are well known, any sign.
GAP = r"[\s.\-‐-―·_/()]{0,3}"
_ANY = r"[\W_]{0,3}"
# What an article's number is called; what follows is none of a person's.
ARTICLE = re.compile(
    r"(?:[货型款编批单列]号|[条形]码|订单|sku|ean|upc|isbn|\bref|\bart|\bs/?n"
    r"|(?:model|item|style|lot|order|part|serial)(?: (?:no\.?|number))?)[ :#.]{0,2}\Z"
)
ARTICLE_CHARS = 16

_UNIT = r"(?:[nmck]m|m?l|k?g|hz|w|m?ah|%|°|℃|毫米|厘米|[码寸克升])(?![a-z])"
_MOBILE = (
    rf"1[3-9]\d{_ANY}\d{{4}}{_ANY}\d{{4}}|1[3-9]\d\d{_ANY}\d{{3}}{_ANY}\d{{4}}|1[3-9]\d{_ANY}\d{{8}}"
    rf"|1[3-9]\d(?P<gap>[ .\-])\d{{4}}(?P=gap)\d\d(?P=gap)\d\d(?!\s?{_UNIT})"
    rf"|1[3-9]\d{_ANY}\d{{3}}{_ANY}\d{{5}}|1[3-9]\d(?:[ .\-]\d\d){{4}}"
    # In two other groups: no sign but a space, or ranges would be numbers.
    r"|1[3-9](?P<spaced>\d{3} \d{6}|\d{4} \d{5}|\d{5} \d{4})"
    r"|1(?P<sign>[ .\-])[3-9](?:(?P=sign)\d){9}"
)
_AREA = r"0(?:10|2\d|[3-9]\d\d)"
# On end it begins as local numbers do; behind a sign as it likes.
_LOCAL = rf"(?:[2-8]|(?<=[\s\-)])\d)\d{{2,3}}{GAP}\d{{4}}"
_EXTENSION = r"(?:(?:\s?(?:转|分机)\s?|-|\s?(?:ext|extension|x)\.?\s?)\d{1,5}(?!\d))?"
# GB 11643: region, birth date, sequence, check character.
_BIRTH = rf"(?:18|19|20)\d\d{GAP}(?:0[1-9]|1[0-2]){GAP}(?:0[1-9]|[12]\d|3[01])"
_OWNER = (
    r"(?= is my (?:(?:home|work|office|mobile|phone) )?(?:phone|number|cell|mobile|whatsapp)"
    r"|\s?是我(?:的?号|[^\W\d型货订款编序条单]{0,4}(?:电话|手机|座机)(?!型|[壳膜套款])))"
)
_OWNED = rf"\d(?:{GAP}\d){{7,10}}"
# What may still become one of these.
OWNED_SO_FAR = re.compile(
    rf"{_OWNED}(?: i| is(?: m| my(?: [a-z]*){{0,2}})?|\s?是(?:我[^\W\d_]{{0,8}})?) ?\Z"
)

_SHAPES = {
    "id": rf"\d{{6}}{GAP}{_BIRTH}{GAP}\d{{3}}[\dx](?![\da-z_])",
    "social": rf"(?!000|666|9)\d{{3}}-(?!00)\d\d-\d{{4}}{END}",
    "mobile": rf"\(?(?:\+?\s?(?:00)?86\)?{GAP}|0)?(?:{_MOBILE})\)?{END}",
    "landline": rf"\(?{_AREA}\)?{GAP}{_LOCAL}{_EXTENSION}{END}",
    "abroad": rf"\(?\+\s?\d(?:{GAP}\d){{7,14}}{_EXTENSION}{END}",
    "dialled": rf"00[1-9]\d{{0,2}}[\s\-](?:{GAP}\d){{7,12}}{END}",
    "american": r"(?:1[ .\-])?(?:\([2-9]\d\d\)[ .\-]{0,2}\d{3}[ .\-]|[2-9]\d\d[ .\-]\d{3}[.\-])"
    rf"\d{{4}}{END}",
    # Of Taiwan and Japan, Britain, France: as they are dialled there. Ten digits on end may be an
    # article's.
    "national": rf"09\d\d-\d{{3}}-?\d{{3}}{END}|0[5789]0-\d{{4}}-\d{{4}}{END}"
    rf"|0[789]0[1-9]\d{{7}}{END}|07[3-57-9]\d\d[ \-]?\d{{3}} ?\d{{3}}{END}"
    rf"|07\d{{3}} \d{{6}}{END}|0[67](?: \d\d){{4}}{END}",
    "owned": _OWNED + _OWNER,
}
_SHAPE = re.compile("|".join(f"(?P<{name}>{shape})" for name, shape in _SHAPES.items()))
_LABELS = {name: "id" if name in ("id", "social") else "phone" for name in _SHAPES}
# Britain's number of national insurance, as it is printed.
_INSURANCE = re.compile(
    r"(?<![a-z\d])(?!bg|gb|kn|nk|nt|tn|zz)[a-ceghj-prstw-z][a-ceghj-nprstw-z]"
    r"(?: \d\d){3} [a-d](?![a-z\d])"
)
_IBAN = re.compile(r"(?<![a-z\d])[a-z]{2}\d\d(?: ?[a-z\d]{4}){2,7}(?: ?[a-z\d]{1,3})?(?![a-z\d])")
_RUN = re.compile(rf"\d(?:{GAP}\d){{13,40}}")
_CARD = range(14, 20)
_ISSUERS = re.compile("3[0-9]|[4-6]|9[0-9]|2[2-7]")


def numbers(text: str) -> Findings:
    for opening in _OPENING.finditer(text):
        start, first = opening.start(), opening.end() - 1
        if ARTICLE.search(text, max(0, start - ARTICLE_CHARS), start):
            continue
        for at in range(start, first + 1):  # a sign in front may be none of the number's
            if (found := _SHAPE.match(text, at)) and _is_one(found):
                yield Found(*found.span(), _LABELS[found.lastgroup or ""])
                break
        yield from _cards(text, first)
    yield from (Found(*found.span(), "id") for found in _INSURANCE.finditer(text))
    for found in _IBAN.finditer(text):
        if is_iban(found[0]):
            yield Found(*found.span(), "card")


def _is_one(found: re.Match[str]) -> bool:
    text = found[0]
    if is_series([int(group) for group in re.findall(r"\d+", text)]):
        return False
    if found["spaced"] and is_round(text):
        return False
    if found["sign"] and _is_rising(digits_of(text)):
        return False
    if found.lastgroup == "abroad":  # nine digits with the country's code, or eight in groups
        return len(digits_of(text)) > 8 or not text.lstrip("(+ ").isdigit()
    if found.lastgroup == "american" and is_round(text):
        return False
    return not is_upc(text)


def _is_rising(digits: list[int]) -> bool:
    """The first five digits, each greater than the one before: a list of numbers on goods."""
    return all(earlier < later for earlier, later in pairwise(digits[:5]))


def _cards(text: str, at: int) -> Findings:
    """Groups from here on that together are a card's number by length, issuer and check digit."""
    run = _RUN.match(text, at)
    if run is None or not _ISSUERS.match(run[0]):
        return
    groups = list(re.finditer(r"\d+", run[0]))
    sizes = list(accumulate(len(group[0]) for group in groups))
    digits = digits_of(run[0])
    for last, size in enumerate(sizes):
        if size not in _CARD or len(groups[0][0]) <= 3 or not is_luhn(digits[:size]):
            continue
        if not is_round(text[at : at + groups[last].end()]):
            yield Found(at, at + groups[last].end(), "card")
