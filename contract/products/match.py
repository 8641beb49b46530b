"""How well a photo matches a text: a question to be answered with yes or no, and the score that the
probabilities of the first token give. Pure."""

import math
from collections.abc import Iterable

from contract.text.canonical import CLOSING, canonical, plain

# Characters of a text to match: a title or a search, not a description.
MAX_MATCH_CHARS = 500
# How many of the likeliest first tokens are read: as many as servers tell.
LIKELIEST = 20

QUESTIONS = {
    "zh": '照片与"{claim}"相符吗？只回答是或不是',
    "en": 'Does the photo match "{claim}"? Answer yes or no',
}
_YES = frozenset({"yes", "是", "是的", "相符", "对"})
_NO = frozenset({"no", "不", "不是", "不符", "否", "没有"})


def match_question(claim: str, language: str) -> str:
    """`language`: zh or en."""
    return QUESTIONS[language].format(claim=claim)


def canonical_match(claim: str, language: str) -> str:
    """What the model is asked about a text: the same for every way of typing it."""
    return canonical(match_question(plain(claim).rstrip(CLOSING), language))


def match_score(first_token: Iterable[tuple[str, float]]) -> float | None:
    """The likeliest first tokens and their log-probabilities → the probability of yes among yes
    and no, in [0, 1]. None where neither is among them: then nothing is known.

    P(yes) / (P(yes) + P(no)), each summed over its spellings (Yes, yes, 是, …).
    """
    yes = no = 0.0
    for token, log_probability in first_token:
        word = token.strip(" \t\n.。,，").lower()
        if word in _YES:
            yes += math.exp(log_probability)
        elif word in _NO:
            no += math.exp(log_probability)
    return yes / (yes + no) if yes + no > 0 else None
