"""A vote on its way: a field of its event in the spool, then a row of `votes` until it counts."""

import json
from typing import Any

from gateway.log.event import BadEvent, Row

FIELD = "vote"
# Nowhere else in an event: within a text the quote before the colon would be escaped.
_MARK = f'"{FIELD}":{{'


def vote_row(event: str, row: Row) -> Row | None:
    """The row of `votes` for an event, whose own columns are `row`; None for most. Raises
    BadEvent."""
    if _MARK not in event:
        return None
    try:
        cast: dict[str, Any] = json.loads(event)[FIELD]
        return {
            "vote_id": row["interaction_id"],
            "interaction_id": row["parent_interaction_id"],
            "vote": cast["vote"],
            "reason": cast.get("reason"),
            "created_at": row["asked_at"],
            **{name: row[name] for name in ("tenant", "user_pseudonym", "session_id")},
        }
    except (LookupError, TypeError, AttributeError) as error:
        raise BadEvent(type(error).__name__) from error
