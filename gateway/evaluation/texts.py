"""Texts as they are compared: one look of letters, one kind of space, no case. Pure."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable

# A Latin word or a number is one token, a Chinese character another: as SQuAD's Chinese sisters
# (CMRC 2018) count.
_TOKEN = re.compile(r"[\u3400-\u9fff]|[^\W_\u3400-\u9fff]+")
# Marks say nothing at the ends of a phrase or a value.
_EDGES = " .。,，!！?？;；:：、\"'“”‘’「」"


def folded(text: str) -> str:
    """In NFKC, without case, white space single."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def value_of(text: str) -> str:
    """A card's word as it is compared."""
    return folded(text).strip(_EDGES)


def has_phrase(text: str, phrase: str) -> bool:
    """Whether the text has the phrase: Latin letters as whole words (`red` is not in `bored`),
    Chinese anywhere. Both as they come."""
    wanted = folded(phrase)
    before = r"(?<![^\W_\u3400-\u9fff])" if _is_latin(wanted[:1]) else ""
    after = r"(?![^\W_\u3400-\u9fff])" if _is_latin(wanted[-1:]) else ""
    return re.search(before + re.escape(wanted) + after, folded(text)) is not None


def has_any(text: str, phrases: Iterable[str]) -> bool:
    return any(has_phrase(text, phrase) for phrase in phrases)


def overlap(text: str, reference: str) -> float:
    """The F1 of the tokens that both have, in [0, 1], as SQuAD compares an answer with another
    (Rajpurkar et al. 2016, arXiv:1606.05250)."""
    told, wanted = Counter(_tokens(text)), Counter(_tokens(reference))
    if not told or not wanted:
        return float(told == wanted)
    shared = (told & wanted).total()
    return 2 * shared / (told.total() + wanted.total())


def _tokens(text: str) -> list[str]:
    return _TOKEN.findall(folded(text))


def _is_latin(letter: str) -> bool:
    return re.fullmatch(r"[^\W_\u3400-\u9fff]", letter) is not None
