"""Where a text says how to reach somebody: accounts, phones, mail, addresses of the web. Pure."""

import re
from collections.abc import Iterator

from gateway.log.personal.accounts import accounts, addresses
from gateway.log.personal.numbers import numbers

_TLD = (
    "com|net|org|cn|cc|xyz|top|shop|vip|club|site|online|store|info|biz|io|co|me|tk|ru|hk|tw|jp"
    "|link|live|app|fun|icu|pro|ltd|tv|ai|us|uk|work|space|website|wang|asia|click|buzz"
)
URL = re.compile(
    r"(?:https?\s?:\s?/\s?/\s?|www\s?[.。]\s?)[a-z0-9\-]+(?:\s?[.。]\s?[a-z0-9\-]+)*"
    rf"|(?<![a-z0-9@.])[a-z0-9][a-z0-9\-]{{1,40}}\s?(?:[.。]|\(dot\)|\[dot\]|点|\bdot\b)\s?"
    rf"(?:(?:com|net|org)[.。])?(?:{_TLD})(?![a-z0-9])"
)
# What a text with a contact has one of; most have none and are not looked at.
_SIGN = re.compile(r"\d|[@#＃]|www|http|\(at\)|\bat\b|dot|\.[a-z]|微|薇|[vw] ?x|q|扣|加v|信|点|。")


def contacts(text: str) -> Iterator[tuple[str, int, int]]:
    """Names of lists, and where in the plain text."""
    if not _SIGN.search(text):
        return
    for found in accounts(text):
        kind = {"account": "@account", "phone": "@phone"}.get(found.label)
        if kind is not None:
            yield kind, found.start, found.end
    for found in numbers(text):
        if found.label == "phone":
            yield "@phone", found.start, found.end
    for found in addresses(text):
        yield "@email", found.start, found.end
    for url in URL.finditer(text):
        yield "@url", url.start(), url.end()
