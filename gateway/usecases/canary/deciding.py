"""What ops decide about a canary, or the verdict in their place: a new revision gets a share of
the callers, then all of them or none."""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from gateway.canary.errors import CanaryLogUnavailable, CanaryRefused
from gateway.canary.judge import JudgedCanary
from gateway.canary.record import Canary
from gateway.canary.verdict import PROMOTE_AFTER
from gateway.log.faults import loggable
from gateway.pool.pool import Pool
from gateway.usecases.canary.journal import CanaryJournal
from gateway.usecases.canary.warming import Warming, WarmReport

log = logging.getLogger(__name__)

DEFAULT_SHARE = 0.05
# Of the warming before a promotion, unless somebody says otherwise.
WARM_PAIRS, WARM_S = 500, 120.0
# A rollback waits no longer for the database: the last known canary is rolled back.
IMPATIENT_S = 2.0
# Rows that may come between a rollback and its own.
TRIES = 5


@dataclass(frozen=True)
class NewCanary:
    candidate: str
    baseline: str | None = None
    share: float = DEFAULT_SHARE
    promote: bool = False
    """By itself, once it has shown that it is good."""
    promote_after: int = PROMOTE_AFTER
    evaluation: Mapping[str, Any] | None = None
    """What the shop's own set has said of the candidate, with `passed`."""


@dataclass
class Canarying:
    journal: CanaryJournal
    pool: Pool
    warming: Warming

    async def status(self) -> dict[str, Any]:
        """What is known of the newest canary, also while the database is away."""
        judged, logged = None, True
        try:
            canary = await self.journal.read()
            judged = await self.journal.judge(canary) if canary is not None else None
        except SQLAlchemyError:
            canary, logged = self.journal.known, False
        return self._told(canary, judged, logged)

    def last_known(self) -> dict[str, Any]:
        """As `status`, but what the watching has read last: it asks nobody, so it never waits."""
        return self._told(self.journal.known, self.journal.judged, self.journal.answers)

    def _told(
        self, canary: Canary | None, judged: JudgedCanary | None, logged: bool
    ) -> dict[str, Any]:
        return {
            "canary": None if canary is None else canary.wire(),
            "figures": None if judged is None else judged.wire(),
            "weights": self.pool.weights.in_force,
            "log": [] if canary is None else [entry.wire() for entry in canary.entries],
            "log_available": logged,
        }

    async def start(self, new: NewCanary, actor: str) -> None:
        """Raises CanaryRefused and CanaryLogUnavailable."""
        if new.evaluation is not None and not new.evaluation.get("passed"):
            raise CanaryRefused("evaluation")
        baseline = new.baseline or self._only_other(new.candidate)
        if baseline == new.candidate:
            raise CanaryRefused("same")
        if not {new.candidate, baseline} <= self.pool.ready_revisions:
            raise CanaryRefused("not_ready")
        told = {**vars(new), "baseline": baseline}
        try:
            before = await self.journal.read()
            if before is not None and before.open:
                raise CanaryRefused("open")
            slow_ms = await self.journal.slow_ms_of(baseline)
            await self.journal.append(before, actor, "started", **told, slow_ms=slow_ms)
            canary = await self.journal.read()
        except SQLAlchemyError:
            raise CanaryLogUnavailable from None
        if canary is not None and canary.open:
            await self.pool.weights.change(canary.weights)

    async def rollback(self, actor: str) -> bool:
        """To the old revision, at once: from a canary that is open, or one that was promoted.
        Returns whether it could be written down. Raises CanaryRefused."""
        try:
            async with asyncio.timeout(IMPATIENT_S):
                canary = await self.journal.read()
        except (SQLAlchemyError, TimeoutError):
            canary = self.journal.known
        if canary is None or not canary.may_go_back:
            raise CanaryRefused("none")
        await self.set_weights(canary.weights_of_before)
        try:
            judged = await self.journal.judge(canary)
            await self.write_rollback(canary, actor, judged.wire())
        except SQLAlchemyError as error:
            # Once the database is back, it is noted that the weights are others.
            log.error("rollback not written down", extra={"fields": {"why": loggable(error)}})
            return False
        return True

    async def write_rollback(self, canary: Canary, actor: str, figures: Mapping[str, Any]) -> None:
        """The weights came first: nothing may keep a bad revision in force. Raises CanaryRefused
        where somebody else has ended it, and SQLAlchemyError."""
        for _ in range(TRIES):
            try:
                await self.journal.append(canary, actor, "rolled back", **figures)
            except CanaryRefused:  # such as a warming, or a promotion, that came in between
                now = await self.journal.read()
                if now is None or now.number != canary.number or now.state == "ended":
                    break
                if now.state == "rolled back":  # by another gateway, or another person
                    return
                canary = now
                continue
            await self.set_weights(canary.weights_of_before)
            return
        raise CanaryRefused("moved")

    async def warm(
        self, actor: str, pairs: int = WARM_PAIRS, seconds: float = WARM_S
    ) -> WarmReport:
        """Raises CanaryRefused and CanaryLogUnavailable."""
        try:
            canary = await self._running()
            report = await self.warming.warm(canary.baseline, canary.candidate, pairs, seconds)
            await self.journal.append(await self._running(), actor, "warmed", **report.wire())
        except SQLAlchemyError:
            raise CanaryLogUnavailable from None
        return report

    async def promote(
        self, actor: str, pairs: int = WARM_PAIRS, seconds: float = WARM_S
    ) -> WarmReport:
        """All callers to the new revision, once its cache is warm. `pairs` 0: as it is. Raises
        CanaryRefused, also if it was rolled back meanwhile, and CanaryLogUnavailable."""
        report = WarmReport()
        try:
            canary = await self._running()
            figures = (await self.journal.judge(canary)).wire()
            await self.journal.append(canary, actor, "promoting", for_seconds=seconds, **figures)
            if pairs:
                report = await self.warming.warm(canary.baseline, canary.candidate, pairs, seconds)
            await self.end_promotion(actor, report)
        except SQLAlchemyError:
            raise CanaryLogUnavailable from None
        return report

    async def end_promotion(self, actor: str, report: WarmReport) -> None:
        """The row comes first: of a promotion and a rollback at once, the last row counts. Raises
        CanaryRefused and SQLAlchemyError."""
        canary = await self.journal.read()
        if canary is None or canary.state != "promoting":
            raise CanaryRefused("moved")
        await self.journal.append(canary, actor, "promoted", warming=report.wire())
        await self.set_weights({canary.candidate: 1.0})
        now = await self.journal.read()
        if now is not None and now.state == "rolled back":
            await self.set_weights(now.weights)

    async def set_weights(self, weights: dict[str, float]) -> None:
        if self.pool.weights.named != weights:
            await self.pool.weights.change(weights)

    async def _running(self) -> Canary:
        canary = await self.journal.read()
        if canary is None or canary.state != "running":
            raise CanaryRefused("none")
        return canary

    def _only_other(self, candidate: str) -> str:
        """The one revision that gets callers now. Raises CanaryRefused."""
        others = set(self.pool.weights.of_ready(self.pool.ready_revisions)) - {candidate}
        if len(others) != 1:
            raise CanaryRefused("baseline")
        return others.pop()
