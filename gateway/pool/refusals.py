"""A replica answers a question with an error. Whose fault is it? The asker's: they are told. The
replica's: another one is asked. Or that is not known yet."""

from collections.abc import Mapping

from contract.completion import CompletionRequest
from contract.wire import NOT_BEGUN_HEADER
from gateway.pool.http.blame import FULL, error_object, request_error
from gateway.pool.http.connection import UpstreamError

# The replica lives and says that it failed, or says nothing. A question can cause that, too.
DOUBTFUL = frozenset({"status", "error_event", "empty"})


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


class NotBegunError(UnavailableError):
    """No connection, or a replica that is about to end: nothing was done with the question."""


class NoReplicaLeftError(Exception):
    """All replicas that may be asked have been tried."""


def error_of(
    status: int, headers: Mapping[str, str], body: bytes, asked: CompletionRequest
) -> Exception:
    """What to raise for an answer of that status, not 200: an error to pass on to the asker,
    UnavailableError or UpstreamError."""
    if NOT_BEGUN_HEADER in headers:
        return NotBegunError("it is about to end")
    error = error_object(body)
    if blames_request := request_error(error, asked, status):
        return blames_request
    if status in FULL and error.get("code") != "no_replica":
        wait_s = headers.get("retry-after", "")
        known = wait_s.isdecimal() and len(wait_s) < 9
        return UnavailableError(f"status {status}", int(wait_s) if known else 0)
    return UpstreamError("status", f"status {status}")
