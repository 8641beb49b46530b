"""Characters that only look different from plain ones, and characters that cannot be seen. Pure.

A look carries no meaning: bold, full width, a circle around it. What Unicode also calls compatible
and does carry one stays: raised and lowered digits (5² is not 52), fractions (1½ is not 11⁄2),
units and signs of their own (℃ № ™), roman numerals, ß.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator

# Where Unicode keeps them: letterlike, radicals, ligatures, forms, mathematical letters.
_BLOCKS = (
    *((0x2102, 0x2149), (0x2E80, 0x2FD5), (0xFB00, 0xFB06), (0xFB20, 0xFB29)),
    *((0xFE10, 0xFE19), (0xFE30, 0xFE6B), (0xFF01, 0xFFEE), (0x1D400, 0x1D7FF)),
)
_LOOKS = ("<font>", "<wide>", "<narrow>", "<small>", "<vertical>")
# Radicals and ligatures are only <compat>, as is much that means something.
_COMPAT = ((0x2E80, 0x2FD5), (0xFB00, 0xFB06))
# Letters in parentheses, circles and squares, white or black: (first, last, plain of the first).
_ENCLOSED_LETTERS = (
    *((0x249C, 0x24B5, "a"), (0x24B6, 0x24CF, "A"), (0x24D0, 0x24E9, "a"), (0x1F110, 0x1F129, "A")),
    *((0x1F130, 0x1F149, "A"), (0x1F150, 0x1F169, "A"), (0x1F170, 0x1F189, "A")),
)
# Numbers in parentheses and circles: (first, last, number of the first).
_ENCLOSED_NUMBERS = (
    *((0x2460, 0x2473, 1), (0x2474, 0x2487, 1), (0x24EA, 0x24EA, 0), (0x24EB, 0x24F4, 11)),
    *((0x24F5, 0x24FE, 1), (0x24FF, 0x24FF, 0), (0x2776, 0x277F, 1), (0x2780, 0x2789, 1)),
    *((0x278A, 0x2793, 1), (0x3251, 0x325F, 21), (0x32B1, 0x32BF, 36), (0x1F10B, 0x1F10C, 0)),
)
# Typed by phones and word processors in place of the plain ones; white space that is a letter.
_TYPED = str.maketrans(dict(zip("‘’‛´“”‟‐‑‒–−⠀ㅤﾠ", "''''\"\"\"-----   ", strict=True)))


def _plain() -> Iterator[tuple[int, str]]:
    for first, last in _BLOCKS:
        for code in range(first, last + 1):
            tag = unicodedata.decomposition(chr(code)).partition(" ")[0]
            compat = tag == "<compat>" and any(low <= code <= high for low, high in _COMPAT)
            if tag in _LOOKS or compat:
                yield code, unicodedata.normalize("NFKC", chr(code)).translate(_TYPED)
    for first, last, letter in _ENCLOSED_LETTERS:
        yield from ((first + at, chr(ord(letter) + at)) for at in range(last - first + 1))
    yield from _TYPED.items()


PLAIN = dict(_plain())
"""Code point → what it means, for `str.translate`; numbers in circles are ENCLOSED."""
ENCLOSED = {
    first + at: str(number + at)
    for first, last, number in _ENCLOSED_NUMBERS
    for at in range(last - first + 1)
}


def ranges(codes: Iterable[int]) -> str:
    """For a class of a regular expression: a thousand characters one by one would make it slow."""
    found: list[list[int]] = []
    for code in sorted(codes):
        if found and found[-1][1] == code - 1:
            found[-1][1] = code
        else:
            found.append([code, code])
    return "".join(f"{re.escape(chr(first))}-{re.escape(chr(last))}" for first, last in found)


# Emoji that are shown as text unless U+FE0F follows (Unicode's emoji-variation-sequences).
TEXT_EMOJI = (
    "©®‼⁉™ℹ↔-↙↩↪⌨⏏⏭-⏯⏱⏲⏸-⏺Ⓜ▪▫▶◀◻◼☀-☄☎☑☘☝☠☢☣☦☪☮☯☸-☺♀♂♟♠♣♥♦♨♻♾⚒⚔-⚗⚙⚛⚜⚠⚧⚰⚱⛈⛏⛑⛓⛩⛰⛱⛴⛷-⛹✂✈✉"
    "✌✍✏✒✔✖✝✡✳✴❄❇❣❤➡⤴⤵⬅-⬇〰〽㊗㊙🅰🅱🅾🅿🈂🈷🌡🌤-🌬🌶🍽🎖🎗🎙-🎛🎞🎟🏋-🏎🏔-🏟🏳🏵🏷🐿👁📽🕉🕊🕯🕰🕳-🕹🖇🖊-🖍🖐🖥🖨🖱🖲🖼🗂-🗄🗑-🗓"
    "🗜-🗞🗡🗣🗨🗯🗳🗺🛋🛍-🛏🛠-🛥🛩🛰🛳"
)
# Not seen, whatever they do: joiners, directions, fillers, variants, tags; controls but space.
_UNSEEN = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    "\ufe00-\ufe0f\ufeff\ufff0-\ufffb\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
    "\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f"
)
UNSEEN = re.compile(f"[{_UNSEEN}]")
_RIGHT_TO_LEFT = re.compile(
    "[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]"
)
# What does something where it stands: the selector that makes an emoji of a sign, the joiner of a
# family, the tags of a region's flag, joiners within Arabic and Indian words, Mongolian variants.
_SEEN = "\U0001f000-\U0001faff\u2190-\u21ff\u2300-\u23ff\u2600-\u27bf\u2b00-\u2bff"
_JOINING = "\u0600-\u109f\u1780-\u18af"
# The tags of a flag and the variants of a letter need what is before them, and are one run.
_FLAG, _TAGS = "\U0001f3f4\U000e0020-\U000e007e", "\U000e0020-\U000e007f"
_MONGOLIAN, _VARIANTS = "\u1800-\u18af", "\u180b-\u180d\u180f"
_RUNS = f"(?<![{_FLAG}])[{_TAGS}]+|(?<![{_MONGOLIAN}])[{_VARIANTS}]+"
_NEEDED = (
    f"(?<=[{TEXT_EMOJI}])\ufe0f"
    "|(?<=[#*])\ufe0f(?=\u20e3)"
    f"|(?<=[{_SEEN}\ufe0f])\u200d(?=[{_SEEN}])"
    f"|(?<=[{_FLAG}])[{_TAGS}]"
    f"|(?<=[{_JOINING}])[\u200c\u200d](?=[{_JOINING}])"
    f"|(?<=[{_MONGOLIAN}])[{_VARIANTS}]"
)
_DIRECTIONS = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_UNSEEN_OR_NEEDED = re.compile(f"({_NEEDED})|{_RUNS}|[{_UNSEEN}]")
_UNSEEN_OR_NEEDED_RTL = re.compile(f"({_NEEDED}|[{_DIRECTIONS}])|{_RUNS}|[{_UNSEEN}]")


def without_unseen(text: str) -> str:
    """Without what nobody sees. Directions stay in a text that has right-to-left letters, where
    they order what is read."""
    if not UNSEEN.search(text):
        return text
    pattern = _UNSEEN_OR_NEEDED_RTL if _RIGHT_TO_LEFT.search(text) else _UNSEEN_OR_NEEDED
    while (less := pattern.sub(lambda found: found[1] or "", text)) != text:
        text = less  # what stood behind something unseen now stands elsewhere
    return text
