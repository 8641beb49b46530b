"""A replica answers a question with an error. Whose fault is it? The asker's: they are told. The
replica's: another one is asked. Or that is not known yet."""

import logging
from collections.abc import Mapping

from contract.completion import CompletionRequest
from contract.errors import InvalidField, InvalidSchema, PayloadTooLarge
from gateway.pool.http.answer_stream import error_object, request_error
from gateway.pool.http.connection import UpstreamError

log = logging.getLogger(__name__)

# Statuses that tell of how this gateway is set up: a key, an address, an account. No question
# causes them. All other 4xx are the question's: servers refuse questions in many ways.
_SETUP = {401, 402, 404, 405, 407, 421, 426}
# Too many requests, or too early: for lack of capacity.
_FULL = {408, 425, 429, 503}
# The replica lives and says that it failed. A question can cause that, too.
DOUBTFUL = frozenset({"status", "error_event"})


class UnavailableError(Exception):
    """The replica failed before the first piece of the answer, so another one may be asked.
    `full_for_s`: it refused the question for lack of capacity, and says for how long about.
    `doubt`: the kind of a failure that is the replica's only if another one does answer."""

    def __init__(
        self, reason: str, full_for_s: float | None = None, doubt: str | None = None
    ) -> None:
        super().__init__(reason)
        self.full_for_s = full_for_s
        self.doubt = doubt


class UnreachableError(UnavailableError):
    """No connection: the question was not even sent."""


def error_of(
    status: int, headers: Mapping[str, str], body: bytes, asked: CompletionRequest, url: str
) -> Exception:
    """What to raise for an answer of that status, not 200: an error to pass on to the asker,
    UnavailableError or UpstreamError."""
    error = error_object(body)
    if blames_request := request_error(error):
        return blames_request
    if status in _FULL and error.get("code") != "no_replica":
        wait_s = headers.get("retry-after", "")
        known = wait_s.isdecimal() and len(wait_s) < 9
        return UnavailableError(f"status {status}", int(wait_s) if known else 0)
    if 400 <= status < 500 and status not in _SETUP:
        log.warning("question refused", extra={"fields": {"url": url, "status": status}})
        if asked.sampling.schema is not None:
            return InvalidSchema("response_format")
        return PayloadTooLarge() if status == 413 else InvalidField("messages")
    return UpstreamError("status", f"status {status}")
