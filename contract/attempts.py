"""Answering a question again because its answer was voted down: each attempt lets the model look
at the photo more closely. The first one is attempt 0."""

from collections.abc import Mapping

from contract.images import MODEL_PIXELS

# From the gateway to a replica of ours; others do not get it, and answer as they did.
HEADER = "x-attempt"
# Afterwards the answer stays, however it is voted: more and more of the same photo does not let a
# model see more and more in it.
MAX_ATTEMPT = 2


def closeness(attempt: int) -> float:
    """So many times the visual tokens of the first attempt: 1.5, then 2. Four times were too many:
    1 MP would fill a context of 4,096 alone, and the demo checkpoint took a bag for a dress."""
    return 1 + attempt / 2


def pixel_bound(attempt: int) -> int:
    """Pixels of a photo that the model gets to see at most."""
    return int(MODEL_PIXELS * closeness(attempt))


def attempt_of(headers: Mapping[str, str]) -> int:
    """0 where none is named, or none that there is."""
    named = headers.get(HEADER, "")
    return int(named) if named in map(str, range(1, MAX_ATTEMPT + 1)) else 0
