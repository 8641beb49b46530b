"""The verdict on a canary: rolled back for errors, slow answers or thumbs down, or promoted."""

from dataclasses import dataclass, field
from typing import Literal

from gateway.canary.evidence import Counts, Evidence

Decision = Literal["undecided", "rollback", "promote"]
Sign = Literal["errors", "slow", "thumbs"]

# A canary that is as good as its baseline is rolled back with this probability at most.
FALSE_ROLLBACKS = 0.05
# By then canaries with twice the errors of a baseline of 2 % are found (make canary-sim).
PROMOTE_AFTER = 6_000


@dataclass(frozen=True)
class Block:
    """What happened at one revision in one stretch of time: `errors` and `slow` are requests that
    failed or took longer than the objective, `thumbs` are votes, of which down is bad."""

    errors: Counts
    slow: Counts
    thumbs: Counts


@dataclass(frozen=True)
class CanaryVerdict:
    decision: Decision
    evidence: dict[Sign, float]
    """Against the canary. At `limit` it is enough."""
    limit: float
    why: Sign | None = None
    requests: int = 0
    """Of the canary, so far."""


@dataclass
class Trial:
    """One canary, from its start on. Three signs share what may be wrong."""

    false_rollbacks: float = FALSE_ROLLBACKS
    promote_after: int = PROMOTE_AFTER
    _evidence: dict[Sign, Evidence] = field(
        default_factory=lambda: {"errors": Evidence(), "slow": Evidence(), "thumbs": Evidence()}
    )
    _requests: int = 0
    _verdict: CanaryVerdict | None = None

    def add(self, baseline: Block, canary: Block) -> CanaryVerdict:
        """The verdict after one more block. Once it has been given it stays."""
        if self._verdict is not None:
            return self._verdict
        self._requests += canary.errors.requests
        for sign, evidence in self._evidence.items():
            evidence.add(getattr(baseline, sign), getattr(canary, sign))
        found = {sign: evidence.value for sign, evidence in self._evidence.items()}
        limit = len(found) / self.false_rollbacks
        worst = max(found, key=lambda sign: found[sign])
        if found[worst] >= limit:
            self._verdict = CanaryVerdict("rollback", found, limit, worst, self._requests)
        elif self._requests >= self.promote_after:
            self._verdict = CanaryVerdict("promote", found, limit, None, self._requests)
        return self._verdict or CanaryVerdict("undecided", found, limit, None, self._requests)
