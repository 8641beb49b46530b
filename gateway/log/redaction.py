"""What a row keeps after its content's retention has ended, and after its person was erased. The
same rules apply to events that wait to become rows. Pure."""

import json
from typing import Any

from gateway.log.event import BadEvent, to_event
from gateway.log.schema.tables import interactions
from gateway.log.votes import VOTE_FIELD

# What was asked, shown and answered. Hashes too: whoever guesses a text can compare its hash.
CONTENT = ("question", "question_hash", "answer", "answer_key", "image_digest", "product_kind")

# What stays of an erased person's request: that there was one, how it ended and how long it took.
# The interaction's id stays too. `shopsight log reconcile` needs it to find acknowledged requests,
# and the unique key needs it to recognise an event that is sent again.
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
# A list of what stays, not of what goes: a new column is cleared until somebody allows it to stay.
WITHOUT_PERSON: dict[str, Any] = {
    column.name: None if column.nullable else ""
    for column in interactions.c
    if column.name not in IMPERSONAL
}


def without_content(event: str) -> str:
    """The event without CONTENT and vote. Raises BadEvent."""
    fields = fields_of(event)
    return to_event(
        {name: value for name, value in fields.items() if name not in (*CONTENT, VOTE_FIELD)}
    )


def without_person(event: str) -> str:
    """The event with IMPERSONAL fields only, padded to its old length, since its spool has counted
    its bytes. Raises BadEvent."""
    fields = fields_of(event)
    remaining = {name: fields[name] for name in (*IMPERSONAL, "v") if name in fields}
    mandatory = {name: value for name, value in WITHOUT_PERSON.items() if value is not None}
    return to_event({**remaining, **mandatory}).ljust(len(event))


def fields_of(event: str) -> dict[str, Any]:
    """Raises BadEvent."""
    try:
        fields = json.loads(event)
    except ValueError as error:
        raise BadEvent("no JSON") from error
    if not isinstance(fields, dict):
        raise BadEvent("no object")
    return fields
