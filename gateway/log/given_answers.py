"""Which cached answer a request was given, read from its row or event. An erasure deletes these
answers from the answer cache."""

from collections.abc import Iterable, Mapping
from typing import Any

from gateway.cache.answers import GivenAnswer
from gateway.log.event import BadEvent
from gateway.log.redaction import fields_of


def given_answer(row: Mapping[str, Any]) -> GivenAnswer | None:
    """The cached answer that a request was given, or may have been. `row` is a row of the
    interactions or an event's fields."""
    if not row.get("answer_key"):
        return None
    return GivenAnswer(
        row.get("model_revision") or "", row.get("image_digest") or "", row["answer_key"]
    )


def given_answers(events: Iterable[str]) -> list[GivenAnswer]:
    """The same for many events. A text that is no event is skipped."""
    answers = []
    for event in events:
        try:
            answers.append(given_answer(fields_of(event)))
        except BadEvent:
            continue
    return [answer for answer in answers if answer is not None]
