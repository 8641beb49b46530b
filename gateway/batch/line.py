"""One line of a batch on its way: where it is in its file, what came of it, whether to try again.
Pure."""

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from gateway.log.schema.partitions import moment_of

# A line that fails through its own fault or that of a replica, or whose worker dies, is tried so
# often.
MAX_TRIES = 5
# Between the tries of one line, in seconds; the last one repeats.
PAUSES_S = (1, 2, 4, 8)
# Of a line that alone has no replica, or whose photo cannot be looked at: 36 minutes in all. A
# revision that restarts is back by then, and one that is gone lets its lines end.
AWAY_PAUSES_S = (15, 60, 300, 1800)
MAX_PAUSE_S = 60.0
# A limit of the day is asked about again after so long at most: ops may have raised it.
MAX_LIMITED_S = 300.0
# Statuses that say nothing about the line itself.
BUSY, LIMITED = 503, 429
# What of BUSY keeps everybody waiting. A line that named a revision says so of that one alone.
BUSY_FOR_ALL = ("overloaded", "no_replica", "log_unavailable")
# Statuses of a failure that another replica, or the same one later, may not have.
MAY_PASS = (500, 502, 504)
# And of a photo's own server.
MAY_PASS_CODES = ("image_url_unreachable", "image_url_too_slow", "image_url_changed")

Outcome = Literal["completed", "failed", "expired", "cancelled", "erased"]
# What the error file says of a line that was not asked, in OpenAI's words where it has some.
NOT_ASKED: dict[Outcome, tuple[str, str]] = {
    "expired": (
        "batch_expired",
        "This request could not be executed before the completion window expired.",
    ),
    "cancelled": ("batch_cancelled", "The batch was cancelled before this request was executed."),
    "erased": ("erased", "The person whom this request names was erased."),
}


@dataclass(frozen=True)
class Line:
    """A line that this worker has leased. `fence` is the number of the lease: who has a lower one
    has lost the line to another worker, and its result is not written."""

    batch: uuid.UUID
    place: int
    number: int
    custom_id: str
    position: int
    length: int
    fence: int
    tries: int
    """This one among them."""
    user_pseudonym: str | None


@dataclass(frozen=True)
class LineBatch:
    """What a line needs to know of its batch."""

    key: uuid.UUID
    tenant: str
    key_id: str
    endpoint: str
    input_file: uuid.UUID

    @property
    def uploaded_at(self) -> datetime:
        """When the file of its lines was."""
        return moment_of(self.input_file)


@dataclass(frozen=True)
class Answer:
    """What came of one try: OpenAI's status and body of the request."""

    status: int
    request_id: str
    body: dict[str, Any]
    retry_after_s: float | None = None
    named_revision: bool = False
    """Whether the line did, and left no choice of the replicas."""


@dataclass(frozen=True)
class Pause:
    """The line is tried again after so long. `counts`: it is one of its MAX_TRIES. `whose`: who is
    to wait as long: all, the tenant's lines, or this line alone."""

    seconds: float
    counts: bool
    whose: Literal["all", "tenant", "line"]


def pause_after(answer: Answer, tries: int) -> Pause | None:
    """None where the answer is the line's last."""
    code = answer.body.get("error", {}).get("code")
    if answer.status == BUSY:
        named = answer.named_revision and code != "log_unavailable"
        if code == "moderation_unavailable" or (named and code == "no_replica"):
            return _next_try(AWAY_PAUSES_S, tries)
        for_all = code in BUSY_FOR_ALL and not named
        wait_s = min(answer.retry_after_s or 1.0, MAX_PAUSE_S)
        return Pause(wait_s, False, "all" if for_all else "tenant")
    if answer.status == LIMITED:
        return Pause(min(answer.retry_after_s or 1.0, MAX_LIMITED_S), False, "tenant")
    if answer.status in MAY_PASS or code in MAY_PASS_CODES:
        return _next_try(PAUSES_S, tries)
    return None


def _next_try(pauses_s: Sequence[float], tries: int) -> Pause | None:
    if tries >= MAX_TRIES:
        return None
    return Pause(pauses_s[min(tries, len(pauses_s)) - 1], True, "line")


def result_of(custom_id: str, answer: Answer) -> tuple[Outcome, str]:
    """How the line has ended, and its line in the output or the error file."""
    response = {
        "status_code": answer.status,
        "request_id": answer.request_id,
        "body": answer.body,
    }
    written = _written(answer.request_id, custom_id, response, None)
    return "completed" if answer.status == 200 else "failed", written


def not_asked(batch: uuid.UUID, number: int, custom_id: str | None, why: Outcome) -> str:
    code, message = NOT_ASKED[why]
    error = {"code": code, "message": message}
    return _written(f"batch_req_{batch.hex}-{number}", custom_id, None, error)


def erased() -> dict[str, Any]:
    """The body of a line that was erased while it was under way."""
    code, message = NOT_ASKED["erased"]
    kind = "invalid_request_error"
    return {"error": {"message": message, "type": kind, "code": code, "param": None}}


def _written(name: str, custom_id: str | None, response: Any, error: Any) -> str:
    """ASCII, so that no text can be longer in the database than its column is."""
    value = {"id": name, "custom_id": custom_id, "response": response, "error": error}
    return json.dumps(value, separators=(",", ":"))
