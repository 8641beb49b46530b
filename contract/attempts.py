"""Answering a question again because its answer was voted down: each attempt lets the model look
at the photo more closely. The first one is attempt 0."""

from collections.abc import Mapping

from contract.images import MODEL_PIXELS

# From the gateway to a replica of ours; others do not get it, and answer as they did.
HEADER = "x-attempt"
# Afterwards the answer stays, however it is voted: a third look costs eight times the first one's
# visual tokens, and shows no more than the photo holds.
MAX_ATTEMPT = 2


def closeness(attempt: int) -> int:
    """So many times the visual tokens of the first attempt."""
    return 1 << attempt


def pixel_bound(attempt: int) -> int:
    """Pixels of a photo that the model gets to see at most."""
    return MODEL_PIXELS * closeness(attempt)


def attempt_of(headers: Mapping[str, str]) -> int:
    """0 where none is named, or none that there is."""
    named = headers.get(HEADER, "")
    return int(named) if named in map(str, range(1, MAX_ATTEMPT + 1)) else 0
