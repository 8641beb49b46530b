"""The body of a vote → a checked `Vote`; any deviation is a named error. Pure."""

import re
import uuid
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from contract.errors import InvalidField, PayloadTooLarge
from contract.forms import MAX_USER_CHARS, Wire
from contract.json_body import parse_object
from contract.request import validate
from contract.turns import checked_text
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


class _Form(Wire):
    interaction_id: str
    vote: VoteValue
    reason: Annotated[str, Field(max_length=MAX_REASON_CHARS)] | None = None
    user: Annotated[str, Field(min_length=1, max_length=MAX_USER_CHARS)] | None = None


def parse_vote(body: bytes) -> Vote:
    if len(body) > MAX_FEEDBACK_BYTES:
        raise PayloadTooLarge
    form = validate(_Form, parse_object(body))
    named = _INTERACTION.fullmatch(form.interaction_id)
    if named is None:
        raise InvalidField("interaction_id")
    reason = None
    if form.reason is not None:
        reason = masked(checked_text(form.reason, "reason"))
    return Vote(uuid.UUID(named[1]), form.vote, reason, form.user)
