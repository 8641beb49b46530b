"""Takes links and Markdown pictures out of a streamed answer: a photo or a question could have put
them there, and pages would load or show them. Pure."""

import re

# What may begin a link, or a picture, at the end of a growing text; more is not waited for.
MOST_HELD = 400
# Links within links that are taken out one by one.
_MOST_WITHIN = 8
# A tag that has not ended by then is none of an answer's: its first sign goes. Less than the stream
# holds back.
_LONGEST_TAG = 200
_BRACKETS = re.compile(r"[<>()\[\]]")
_END = r"\s<>\"'`\\)\]}，。！？；、）】》"
# Also without its scheme: a page puts its own in front. JSON may write a slash as `\/`.
_URL = rf"(?:(?:https?:|(?<![\w/]))(?:\\?/){{2}}(?=[^{_END}/])|www\.)[^{_END}]+"
# Behind the name of a reference, where a browser reads an address in other signs, too. In JSON a
# new line is `\n`.
_BEHIND_NAME = r"(?:\s|\\[nrt]){0,200}"
_SCHEME = r"(?:https?|ftp|data|javascript|vbscript|file|blob):"
_REFERENCE = (
    rf"(?<=\]:){_BEHIND_NAME}<?(?:{_SCHEME}|[^\s\"]{{0,99}}?(?:[/\\]{{2}}|&(?:\#|b?sol;|colon;)))"
    r"[^\s\"]{0,300}"
)
_TAGS = r"a|img|iframe|script|style|svg|math|object|embed|video|audio|source|link|meta|base|form"
_LINK = re.compile(
    r"!\[[^\]\n]{0,200}\]\([^)\n]{0,300}\)"  # a picture goes altogether
    r"|\[(?P<text>[^\]\n]{1,200})\]\((?!\s)[^)\n]{0,300}\)"  # of a link its text stays
    rf"|</?(?:https?:|(?:{_TAGS})(?![\w-])|[a-z][\w:-]*[\s/](?=[^<>=]{{0,{_LONGEST_TAG}}}[a-z]\s*=))"
    rf"[^>]{{0,{_LONGEST_TAG}}}>"
    rf"|<(?=/?[a-z][^>]{{{_LONGEST_TAG}}})"
    rf"|{_REFERENCE}|{_URL}",
    re.IGNORECASE,
)
_OPEN = re.compile(
    r"(?:!?\[[^\]\n]{0,200}(?:\](?:\([^)\n]{0,300})?)?|!|<[a-z/][^>]{0,300}|<"
    rf"|\](?::{_BEHIND_NAME}\\?[^\s\"]{{0,300}})?"
    rf"|{_URL}|(?<!\w)(?:\\?/){{0,2}}\\?"
    r"|h(?:t(?:t(?:p(?:s?(?::(?:\\?/){0,2}\\?)?)?)?)?)?|w(?:w(?:w\.?)?)?)\Z",
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
