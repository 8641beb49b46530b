"""Looks at the canary that is open, again and again, in every gateway: rolls it back for its
figures, or promotes it. No lease is needed: all read the same figures, and one row is written."""

import asyncio
import logging
import time
from dataclasses import dataclass, field

from gateway.canary.errors import CanaryLogUnavailable, CanaryRefused
from gateway.canary.metrics import CanaryMetrics
from gateway.canary.record import VERDICT, Canary
from gateway.log.faults import loggable
from gateway.usecases.canary.deciding import Canarying
from gateway.usecases.canary.warming import WarmReport

log = logging.getLogger(__name__)

# A verdict is at most so much older than its block.
ROUND_S = 1.0
# Weights reach every gateway within 5 s. Others that stay for longer are somebody's wish.
DIFFER_S = 10.0
# A promotion whose gateway has died is ended by another one.
ABANDONED_S = 60.0


@dataclass
class Watching:
    canarying: Canarying
    metrics: CanaryMetrics
    _task: asyncio.Task[None] | None = field(default=None, init=False)
    _promotion: asyncio.Task[object] | None = field(default=None, init=False)
    _differs_since: float | None = field(default=None, init=False)
    _failing: bool = field(default=False, init=False)

    def start(self) -> None:
        self._task = asyncio.create_task(self._watch())

    async def close(self) -> None:
        for task in (self._task, self._promotion):
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        self.canarying.journal.close()

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(ROUND_S)
            try:
                await self._round()
                self._failing = False
            except (CanaryRefused, CanaryLogUnavailable):  # decided elsewhere, or tried again
                continue
            except Exception as error:  # such as a database that is down: the next round goes on
                if not self._failing:
                    log.warning("canary not judged", extra={"fields": {"why": loggable(error)}})
                self._failing = True

    async def _round(self) -> None:
        journal = self.canarying.journal
        canary = await journal.read()
        self.metrics.open.set(canary is not None and canary.open)
        if canary is None or not canary.open:
            self._differs_since = None
            return
        if self._differs_for_long(canary):
            weights = self.canarying.pool.weights.in_force
            await journal.append(canary, "weights", "ended", weights=weights)
            return
        judged = await journal.judge(canary)
        if judged.verdict.decision == "rollback":
            await self.canarying.set_weights(canary.weights_of_before)
            log.warning("canary rolled back by itself", extra={"fields": judged.wire()})
            await self.canarying.write_rollback(canary, VERDICT, judged.wire())
        elif canary.state == "promoting":
            wanted_s = float(canary.entries[-1].details.get("for_seconds", 0))
            if await journal.seconds_since(canary) > wanted_s + ABANDONED_S:
                await self.canarying.end_promotion(VERDICT, WarmReport())
        elif canary.promote and judged.verdict.decision == "promote":
            self._promote()

    def _promote(self) -> None:
        """Beside the rounds: until its cache is warm it may still be rolled back."""
        if self._differs_since is None and (self._promotion is None or self._promotion.done()):
            self._promotion = asyncio.create_task(self._promoted())

    async def _promoted(self) -> None:
        try:
            await self.canarying.promote(VERDICT)
        except (CanaryRefused, CanaryLogUnavailable) as error:
            log.info("canary not promoted", extra={"fields": {"why": loggable(error)}})

    def _differs_for_long(self, canary: Canary) -> bool:
        """Whether somebody has set other weights, and means it."""
        if self.canarying.pool.weights.in_force == canary.weights:
            self._differs_since = None
            return False
        self._differs_since = self._differs_since or time.monotonic()
        return time.monotonic() - self._differs_since > DIFFER_S
