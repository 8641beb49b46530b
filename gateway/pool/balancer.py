"""Which replica answers: rendezvous hashing on the photo, with bounded load. Pure.

A photo's questions meet the replica that has its vision features cached, unless that one carries
more than LOAD_FACTOR times the mean (Mirrokni et al., consistent hashing with bounded loads)."""

import hashlib
import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol, TypeVar

LOAD_FACTOR = 1.25


class Loaded(Protocol):
    url: str
    in_flight: int


R = TypeVar("R", bound=Loaded)


def choose_replica(replicas: Sequence[R], affinity: str, tried: Collection[str] = ()) -> R | None:
    """The first replica, in the order of `affinity`, that has room; None when all were tried."""
    left = [replica for replica in replicas if replica.url not in tried]
    if not left:
        return None
    total = sum(replica.in_flight for replica in left) + 1
    bound = math.ceil(LOAD_FACTOR * total / len(left))
    order = sorted(left, key=lambda replica: _score(replica.url, affinity), reverse=True)
    return next(replica for replica in order if replica.in_flight < bound)


def choose_revision(weights: Mapping[str, float], sticky_id: str) -> str:
    """One of the revisions in proportion to its weight, the same for the same caller always, and
    moving as few callers as possible when weights change (weighted rendezvous)."""

    if len(weights) == 1:  # as a rule
        return next(iter(weights))

    def score(revision: str) -> float:
        uniform = (_score(revision, sticky_id) + 1) / (2**64 + 1)
        return -weights[revision] / math.log(uniform) if weights[revision] > 0 else -1.0

    return max(weights, key=score)


def checked_weights(value: Mapping[str, Any]) -> dict[str, float]:
    """Raise ValueError unless these are finite numbers from 0 on, one of them above."""
    weights = {str(revision): float(weight) for revision, weight in value.items()}
    sane = all(math.isfinite(weight) and weight >= 0 for weight in weights.values())
    if not sane or not any(weights.values()):
        raise ValueError("weights are finite, not negative, and not all 0")
    return weights


def _score(name: str, affinity: str) -> int:
    data = f"{len(name)}:{name}{affinity}".encode()
    return int.from_bytes(hashlib.sha256(data).digest()[:8], "big")
