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
    """Of the canary, so far, that could be compared with the baseline's."""


@dataclass
class Trial:
    """One canary, from its start on. Three signs share what may be wrong."""

    false_rollbacks: float = FALSE_ROLLBACKS
    promote_after: int = PROMOTE_AFTER
    _evidence: dict[Sign, Evidence] = field(
        default_factory=lambda: {"errors": Evidence(), "slow": Evidence(), "thumbs": Evidence()}
    )
    _rollback: CanaryVerdict | None = None

    def add(self, baseline: Block, canary: Block) -> CanaryVerdict:
        """The verdict after one more block. A rollback stays. `promote` does not: until somebody
        promotes the canary it may become bad, and the evidence is valid at any look."""
        if self._rollback is not None:
            return self._rollback
        for sign, evidence in self._evidence.items():
            evidence.add(getattr(baseline, sign), getattr(canary, sign))
        found = {sign: evidence.value for sign, evidence in self._evidence.items()}
        requests = self._evidence["errors"].compared
        limit = len(found) / self.false_rollbacks
        worst = max(found, key=lambda sign: found[sign])
        if found[worst] >= limit:
            self._rollback = CanaryVerdict("rollback", found, limit, worst, requests)
            return self._rollback
        enough = requests >= self.promote_after
        decision: Decision = "promote" if enough else "undecided"
        return CanaryVerdict(decision, found, limit, None, requests)
