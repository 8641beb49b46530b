"""A vote on its way to the database: first a field of its event, then a row of `votes` until
`feedback.tally` counts it."""

import json
from typing import Any

from gateway.log.event import BadEvent, Row

VOTE_FIELD = "vote"
# This text occurs nowhere else in an event: JSON escapes quotes within a text.
_MARK = f'"{VOTE_FIELD}":{{'


def vote_row(event: str, row: Row) -> Row | None:
    """The row of `votes` for an event; None if the event carries no vote, as most do. `row` is the
    event's own row. Raises BadEvent."""
    if _MARK not in event:
        return None
    try:
        vote: dict[str, Any] = json.loads(event)[VOTE_FIELD]
        return {
            "vote_id": row["interaction_id"],
            "interaction_id": row["parent_interaction_id"],
            "vote": vote["vote"],
            "reason": vote.get("reason"),
            "created_at": row["asked_at"],
            **{name: row[name] for name in ("tenant", "user_pseudonym", "session_id")},
        }
    except (LookupError, TypeError, AttributeError) as error:
        raise BadEvent(type(error).__name__) from error
