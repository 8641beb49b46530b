"""The verdict on the canary that is open, out of the blocks that were written down. All gateways
read the same blocks, so they come to the same verdict."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Engine

from gateway.canary.figures import BLOCK_S, CountedBlock, SideFigures, count_due, read_blocks
from gateway.canary.record import Canary
from gateway.canary.verdict import CanaryVerdict, Trial


@dataclass(frozen=True)
class JudgedCanary:
    """A verdict, and the sums that it was made of. `seconds`: how much of the canary's time."""

    verdict: CanaryVerdict
    baseline: SideFigures
    canary: SideFigures
    seconds: int

    def wire(self) -> dict[str, Any]:
        verdict = self.verdict
        evidence = {sign: round(value, 3) for sign, value in verdict.evidence.items()}
        return {
            "verdict": verdict.decision,
            "why": verdict.why,
            "evidence": evidence,
            "limit": verdict.limit,
            "baseline_figures": vars(self.baseline),
            "candidate_figures": vars(self.canary),
            "seconds": self.seconds,
        }


@dataclass
class Trying:
    """One canary's trial, as far as its blocks were read."""

    canary: Canary
    _trial: Trial = field(init=False)
    _baseline: SideFigures = field(default_factory=SideFigures)
    _candidate: SideFigures = field(default_factory=SideFigures)
    _read: int = 0
    _verdict: CanaryVerdict | None = None

    def __post_init__(self) -> None:
        self._trial = Trial(promote_after=self.canary.promote_after)

    @property
    def next_block(self) -> int:
        return self._read

    def add(self, blocks: Iterable[CountedBlock]) -> JudgedCanary:
        for block in blocks:
            self._verdict = self._trial.add(block.baseline.block(), block.canary.block())
            self._baseline += block.baseline
            self._candidate += block.canary
            self._read = block.number + 1
        verdict = self._verdict or Trial().add(SideFigures().block(), SideFigures().block())
        return JudgedCanary(verdict, self._baseline, self._candidate, self._read * BLOCK_S)


class Judge:
    """For one thread at a time. It remembers what it has read of the newest canary."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._trying: Trying | None = None

    def judge(self, canary: Canary) -> JudgedCanary:
        """Raises SQLAlchemyError."""
        if self._trying is None or self._trying.canary.start != canary.start:
            self._trying = Trying(canary)
        if canary.open:
            count_due(self._engine, canary)
        return self._trying.add(read_blocks(self._engine, canary, self._trying.next_block))
