"""Chooses the replica and the revision: rendezvous hashing, for replicas with bounded load. Pure.

All questions about a photo go to the replica that has its vision features cached. The exception is
a replica with more than LOAD_FACTOR times the mean load (Mirrokni, Thorup, Zadimoghaddam:
Consistent Hashing with Bounded Loads)."""

import hashlib
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Protocol, TypeVar

LOAD_FACTOR = 1.25


class Candidate(Protocol):
    url: str


C = TypeVar("C", bound=Candidate)


def choose_replica(
    replicas: Sequence[C],
    affinity: str,
    load: Callable[[C], int],
    tried: Collection[str] = (),
) -> C | None:
    """The first replica below the bound of its `load`, in the order that `affinity` gives them;
    None when all URLs are in `tried`."""
    untried = [replica for replica in replicas if replica.url not in tried]
    if not untried:
        return None
    total = sum(map(load, untried)) + 1
    bound = math.ceil(LOAD_FACTOR * total / len(untried))
    order = sorted(untried, key=lambda replica: _score(replica.url, affinity), reverse=True)
    return next(replica for replica in order if load(replica) < bound)


def choose_revision(weights: Mapping[str, float], sticky_id: str) -> str:
    """One of the revisions in proportion to its weight, always the same one for a `sticky_id`. When
    weights change, as few callers as possible move (weighted rendezvous hashing)."""

    if len(weights) == 1:  # the usual case, without hashing
        return next(iter(weights))

    def score(revision: str) -> float:
        uniform = (_score(revision, sticky_id) + 1) / (2**64 + 1)
        return -weights[revision] / math.log(uniform) if weights[revision] > 0 else -1.0

    return max(weights, key=score)


def checked_weights(value: Mapping[str, Any]) -> dict[str, float]:
    """The weights as floats. Raises ValueError unless all are finite and at least 0, and one is
    above 0."""
    weights = {str(revision): float(weight) for revision, weight in value.items()}
    valid = all(math.isfinite(weight) and weight >= 0 for weight in weights.values())
    if not valid or not any(weights.values()):
        raise ValueError("weights are finite, not negative, and not all 0")
    return weights


def _score(name: str, affinity: str) -> int:
    data = f"{len(name)}:{name}{affinity}".encode()
    return int.from_bytes(hashlib.sha256(data).digest()[:8], "big")
