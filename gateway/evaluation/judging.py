"""What is right about an answer: each thing that its line expects or forbids is a check of its own,
counted under the name of a figure. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from contract.text.language import language_of
from gateway.evaluation.answers import ModelAnswer, values_of
from gateway.evaluation.claims import claims_in
from gateway.evaluation.lines import Accepted, SetLine, Values
from gateway.evaluation.texts import folded, has_any, has_phrase, overlap, value_of

# Of a score: yes from here on.
YES = 0.5
# Two answers to one question say much the same: a text of thirty characters may differ in six.
ALIKE = 0.6
# Fields of a card that are the model's own words. What can be read in a photo may be a price.
OWN_WORDS = ("category", "materials", "style", "audience", "occasions")
ANSWERED, ALL = "answered", "all"


@dataclass(frozen=True)
class Check:
    """`wanted` and `got`: for a person who wonders why it is wrong."""

    figure: str
    right: bool
    wanted: str
    got: str


def judge(line: SetLine, answer: ModelAnswer) -> tuple[Check, ...]:
    """The first says whether there is an answer at all. Where there is none, everything that was
    expected of it is wrong. What it must not say, it has not said."""
    answered = Check(ANSWERED, answer.error is None, "an answer", answer.error or "an answer")
    return (answered, *_expected(line, answer), *_forbidden(line, answer))


def _expected(line: SetLine, answer: ModelAnswer) -> Iterable[Check]:
    wanted = line.expected
    text = answer.text or ""
    there = answer.error is None
    if wanted.answer is not None:
        right = there and _says(text, wanted.answer)
        yield Check("answer", right, described(wanted.answer), text)
    if wanted.like is not None:
        alike = overlap(text, wanted.like)
        yield Check("like", there and alike >= ALIKE, wanted.like, f"{text} ({alike:.2f})")
    if wanted.unlike is not None:
        same = folded(text) == folded(wanted.unlike)
        yield Check("unlike", there and not same, f"≠ {wanted.unlike}", text)
    if wanted.language is not None:
        told = language_of("\n".join(_own_words(answer)))
        yield Check("language", there and told == wanted.language, wanted.language, told)
    for name, values in wanted.card.items():
        told_values = values_of((answer.card or {}).get(name))
        right = there and answer.card is not None and _tells(told_values, values)
        yield Check(f"card.{name}", right, described(values), ", ".join(told_values))
    if wanted.match is not None:
        score = answer.score
        right = there and score is not None and (score >= YES) is wanted.match
        shown = f"≥ {YES}" if wanted.match else f"< {YES}"
        yield Check("match", right, shown, "–" if score is None else f"{score:.2f}")


def _forbidden(line: SetLine, answer: ModelAnswer) -> Iterable[Check]:
    text = "\n".join(_own_words(answer))
    found = claims_in(text) if line.forbidden.claims else {}
    for name in line.forbidden.claims:
        yield Check(f"claims.{name}", name not in found, "", found.get(name, ""))
    if line.forbidden.phrases:
        said = [phrase for phrase in line.forbidden.phrases if has_phrase(text, phrase)]
        yield Check("phrases", not said, "", ", ".join(said))


def _own_words(answer: ModelAnswer) -> list[str]:
    if answer.card is None:
        return [answer.text or ""]
    return [value for name in OWN_WORDS for value in values_of(answer.card.get(name))]


def _says(text: str, wanted: Values) -> bool:
    if not isinstance(wanted, Accepted):
        return has_any(text, _several(wanted))
    return (
        (not wanted.any_of or has_any(text, wanted.any_of))
        and all(has_any(text, _several(phrases)) for phrases in wanted.all_of)
        and not has_any(text, wanted.none_of)
        and (wanted.regex is None or _matches(text, wanted.regex))
    )


def _tells(told: list[str], wanted: Values | None) -> bool:
    values = {value_of(value) for value in told} - {""}
    if not isinstance(wanted, Accepted):
        accepted = _folded(_several(wanted or ()))
        return bool(values) == bool(accepted) and values <= accepted
    return (
        (not wanted.any_of or bool(values & _folded(wanted.any_of)))
        and all(values & _folded(_several(ways)) for ways in wanted.all_of)
        and not values & _folded(wanted.none_of)
        and (wanted.regex is None or any(_matches(value, wanted.regex) for value in told))
    )


def _matches(text: str, regex: str) -> bool:
    return re.search(regex, text, re.IGNORECASE) is not None


def _several(one_or_more: str | tuple[str, ...]) -> tuple[str, ...]:
    return (one_or_more,) if isinstance(one_or_more, str) else one_or_more


def _folded(values: Iterable[str]) -> set[str]:
    return {value_of(value) for value in values}


def described(wanted: Values | None) -> str:
    """What is accepted, for a person."""
    if not isinstance(wanted, Accepted):
        return " / ".join(_several(wanted or ())) or "–"
    parts = [" / ".join(wanted.any_of)] if wanted.any_of else []
    parts += [" / ".join(_several(ways)) for ways in wanted.all_of]
    parts += [f"≠ {phrase}" for phrase in wanted.none_of]
    parts += [f"/{wanted.regex}/"] if wanted.regex else []
    return " + ".join(parts)
