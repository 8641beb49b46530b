"""Parses the body of a vote into a checked `Vote`. Pure."""

import re
import uuid
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from contract.errors import InvalidField
from contract.forms import MAX_USER_CHARS, Wire
from contract.json_body import parse_object
from contract.request import told_in_the_language_of, validate
from contract.turns import checked_text
from gateway.log.masking import masked

# Characters of a reason: a sentence or two, not a conversation.
MAX_REASON_CHARS = 500
# Size of a body: a reason with every character escaped, and the other fields.
MAX_FEEDBACK_BYTES = 8 * 1024
# As in the header `x-interaction-id`, or as the `id` of an answer in OpenAI's form, which SDKs
# show, of a card or a match.
_INTERACTION = re.compile(
    r"(?:chatcmpl-|card-|match-)?([0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12})"
)

VoteValue = Literal["up", "down"]


@dataclass(frozen=True)
class Vote:
    """One vote on one answer. `user` is the tenant's own id of the voter."""

    interaction_id: uuid.UUID
    value: VoteValue
    reason: str | None = None
    """With personal data masked."""
    user: str | None = None

    def wire(self, identity: uuid.UUID) -> dict[str, Any]:
        """The body of the response. `identity` is the id of the vote itself."""
        return {
            "id": str(identity),
            "object": "feedback",
            "interaction_id": str(self.interaction_id),
            "vote": self.value,
        }


class VoteForm(Wire):
    interaction_id: str
    vote: VoteValue
    reason: Annotated[str, Field(max_length=MAX_REASON_CHARS)] | None = None
    user: Annotated[str, Field(max_length=MAX_USER_CHARS)] | None = None


def parse_vote(body: bytes) -> Vote:
    """Raises InvalidField, and the errors of `parse_object` and `checked_text`."""
    value = parse_object(body)
    with told_in_the_language_of(value):
        form = validate(VoteForm, value)
        match = _INTERACTION.fullmatch(form.interaction_id)
        if match is None:
            raise InvalidField("interaction_id")
        reason = None
        if form.reason and not form.reason.isspace():  # a page sends its field also when empty
            reason = masked(checked_text(form.reason, "reason"))
        return Vote(uuid.UUID(match[1]), form.vote, reason, form.user or None)
