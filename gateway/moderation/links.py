"""Takes links and Markdown pictures out of a streamed answer: a photo or a question could have put
them there, and pages would load or show them. Pure."""

import re

# What may begin a link, or a picture, at the end of a growing text; more is not waited for.
MOST_HELD = 400
# Links within links that are taken out one by one.
_MOST_WITHIN = 8
_BRACKETS = re.compile(r"[<>()\[\]]")
_URL = r"(?:https?://|www\.)[^\s<>\"'`\\)\]}，。！？；、）】》]+"
_LINK = re.compile(
    r"!\[[^\]\n]{0,200}\]\([^)\n]{0,300}\)"  # a picture goes altogether
    r"|\[(?P<text>[^\]\n]{1,200})\]\((?!\s)[^)\n]{0,300}\)"  # of a link its text stays
    r"|<(?:https?:|img|a\s|iframe|script)[^>\n]{0,300}>"
    rf"|{_URL}",
    re.IGNORECASE,
)
_OPEN = re.compile(
    r"(?:!?\[[^\]\n]{0,200}(?:\](?:\([^)\n]{0,300})?)?|!|<[a-z/][^>\n]{0,300}|<"
    rf"|{_URL}|h(?:t(?:t(?:p(?:s?(?::/?/?)?)?)?)?)?|w(?:w(?:w\.?)?)?)\Z",
    re.IGNORECASE,
)


def without_links(text: str) -> str:
    for _ in range(_MOST_WITHIN):
        less = _LINK.sub(lambda found: found["text"] or "", text)
        if less == text:
            return text
        text = less  # what was within another may stand free now
    # Nobody writes like that: without brackets no link stands within another.
    return _LINK.sub("", _BRACKETS.sub("", text))


def open_from(text: str) -> int:
    """Where a link may have begun that has not ended; the text's length if nowhere."""
    found = _OPEN.search(text, max(0, len(text) - MOST_HELD))
    return found.start() if found else len(text)
