"""Which cached answer a row or an event was given: an erasure takes those out of the cache."""

from collections.abc import Iterable, Mapping
from typing import Any

from gateway.cache.answers import GivenAnswer
from gateway.log.event import BadEvent
from gateway.log.redaction import fields_of


def given_to(row: Mapping[str, Any]) -> GivenAnswer | None:
    """The cached answer that a row or an event was given, or may have been."""
    if not row.get("answer_key"):
        return None
    return GivenAnswer(
        row.get("model_revision") or "", row.get("image_digest") or "", row["answer_key"]
    )


def answers_of(events: Iterable[str]) -> list[GivenAnswer]:
    """What events were given; a text that is no event was given nothing."""
    found = []
    for event in events:
        try:
            found.append(given_to(fields_of(event)))
        except BadEvent:
            continue
    return [given for given in found if given is not None]
