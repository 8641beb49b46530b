"""What is left of a row when its content's time is over, and when its person has been erased: in
the table and in events on their way there. Pure."""

import json
from typing import Any

from gateway.log.event import BadEvent, to_event
from gateway.log.schema.tables import interactions
from gateway.log.votes import FIELD as VOTE

# What was asked, shown and answered, and hashes that somebody who guesses it could compare.
CONTENT = ("question", "question_hash", "answer", "answer_key", "image_digest")

# Of an erased person's request: that there was one, how it went and how long it took. An id that
# the gateway made stays, so that `shopsight log reconcile` still finds what was acknowledged, and
# the same event, sent again, meets it.
IMPERSONAL = (
    "interaction_id",
    "asked_at",
    "arrived_at",
    "kind",
    "route",
    "tenant",
    "outcome",
    "error_code",
    "finish_reason",
    "cache",
    "model_revision",
    "replica",
    "prompt_tokens",
    "completion_tokens",
    "identify_ms",
    "screen_ms",
    "look_up_ms",
    "join_ms",
    "upstream_ms",
    "first_text_ms",
    "total_ms",
)

WITHOUT_CONTENT: dict[str, Any] = dict.fromkeys(CONTENT)
# By what stays, not by what goes: a new column goes until somebody says that it may stay.
WITHOUT_PERSON: dict[str, Any] = {
    column.name: None if column.nullable else ""
    for column in interactions.c
    if column.name not in IMPERSONAL
}


def without_content(event: str) -> str:
    """Raises BadEvent."""
    fields = fields_of(event)
    return to_event({name: value for name, value in fields.items() if name not in (*CONTENT, VOTE)})


def without_person(event: str) -> str:
    """As long as it was, since whoever holds the event has counted its bytes. Raises BadEvent."""
    fields = fields_of(event)
    kept = {name: fields[name] for name in (*IMPERSONAL, "v") if name in fields}
    mandatory = {name: value for name, value in WITHOUT_PERSON.items() if value is not None}
    return to_event({**kept, **mandatory}).ljust(len(event))


def fields_of(event: str) -> dict[str, Any]:
    try:
        fields = json.loads(event)
    except ValueError as error:
        raise BadEvent("no JSON") from error
    if not isinstance(fields, dict):
        raise BadEvent("no object")
    return fields
