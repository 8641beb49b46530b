"""The body of a vote → a checked `Vote`; any deviation is a named error. Pure."""

import re
import uuid
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from contract.errors import InvalidField, PayloadTooLarge
from contract.json_body import parse_object
from contract.request import checked_text
from gateway.log.masking import masked

# Characters of a reason: a sentence or two, not a conversation.
MAX_REASON_CHARS = 500
# Of a body: a reason with every character escaped, and the rest.
MAX_FEEDBACK_BYTES = 8 * 1024
# As in `x-interaction-id`, or as the `id` of an answer in OpenAI's form, which SDKs hand out.
_INTERACTION = re.compile(
    r"(?:chatcmpl-)?([0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12})"
)

VoteValue = Literal["up", "down"]


@dataclass(frozen=True)
class Vote:
    """One vote on one answer. `user`: the tenant's own id of the person who votes."""

    interaction_id: uuid.UUID
    value: VoteValue
    reason: str | None = None
    """Without what names a person."""
    user: str | None = None

    def wire(self, identity: uuid.UUID) -> dict[str, Any]:
        """What its sender is told: `identity` is the vote's own."""
        return {
            "id": str(identity),
            "object": "feedback",
            "interaction_id": str(self.interaction_id),
            "vote": self.value,
        }


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    interaction_id: str
    vote: VoteValue
    reason: Annotated[str, Field(max_length=MAX_REASON_CHARS)] | None = None
    user: Annotated[str, Field(min_length=1, max_length=512)] | None = None


def parse_vote(body: bytes) -> Vote:
    if len(body) > MAX_FEEDBACK_BYTES:
        raise PayloadTooLarge
    try:
        form = _Form.model_validate(parse_object(body))
    except ValidationError as error:
        (place, *_) = error.errors(include_url=False, include_input=False)[0]["loc"]
        # Only names of our own fields: an unknown field's name is the client's text.
        raise InvalidField(str(place) if place in _Form.model_fields else None) from None
    named = _INTERACTION.fullmatch(form.interaction_id)
    if named is None:
        raise InvalidField("interaction_id")
    reason = None
    if form.reason is not None:
        reason = masked(checked_text(form.reason, "reason"))
    return Vote(uuid.UUID(named[1]), form.vote, reason, form.user)
