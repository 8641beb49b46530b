"""What is decided about a canary, in which order, and what the log says of it afterwards: with a
real log and real weights, and replicas that nobody asks."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import Engine, create_engine

from gateway.canary.errors import CanaryRefused
from gateway.canary.metrics import CanaryMetrics
from gateway.canary.record import Entry
from gateway.pool.weights import Weights
from gateway.usecases.canary.deciding import Canarying, NewCanary
from gateway.usecases.canary.journal import CanaryJournal
from gateway.usecases.canary.warming import WarmReport
from tests.support.canaries import canary_begun, log_asked
from tests.support.migrating import migrate

OLD, NEW, BOTH = {"old": 1.0}, {"new": 1.0}, {"old": 0.9, "new": 0.1}
REPORT = WarmReport(found=7, warmed=6, no_photo=1, seconds=2.0)
EVALUATION = {"set_name": "shop", "lines": 40, "figures": {"right": 0.9}}


@dataclass
class Pool:
    weights: Weights
    ready_revisions: set[str] = field(default_factory=lambda: {"old", "new"})


@dataclass
class Warming:
    """Notes what it was to warm, and which weights were in force meanwhile."""

    weights: Weights
    calls: list[tuple[str, str, int, float]] = field(default_factory=list)
    in_force: list[dict[str, float]] = field(default_factory=list)
    meanwhile: Callable[[], Awaitable[object]] | None = None

    async def warm(self, source: str, revision: str, pairs: int, seconds: float) -> WarmReport:
        self.calls.append((source, revision, pairs, seconds))
        if self.meanwhile is not None:
            await self.meanwhile()
        self.in_force.append(self.weights.in_force)
        return REPORT


@dataclass
class World:
    engine: Engine
    weights: Weights
    warming: Warming
    canarying: Canarying

    async def entries(self) -> tuple[Entry, ...]:
        canary = await self.canarying.journal.read()
        return () if canary is None else canary.entries

    async def log(self) -> list[tuple[str, str]]:
        return [(each.action, each.actor) for each in await self.entries()]


@asynccontextmanager
async def world(folder: Path, in_force: dict[str, float]) -> AsyncIterator[World]:
    url = f"sqlite:///{folder / 'log.db'}"
    migrate(url)
    engine = create_engine(url)
    weights = Weights(in_force, None)
    journal = CanaryJournal(engine, CanaryMetrics(CollectorRegistry()))
    warming = Warming(weights)
    canarying = Canarying(journal, cast(Any, Pool(weights)), cast(Any, warming))
    try:
        yield World(engine, weights, warming, canarying)
    finally:
        journal.close()
        engine.dispose()


async def test_the_cache_is_warm_before_the_new_revision_gets_everybody(tmp_path: Path) -> None:
    async with world(tmp_path, BOTH) as here:
        canary_begun(here.engine, 60)
        await here.canarying.promote("ops:lin", pairs=7, seconds=5.0)
        assert here.warming.calls == [("old", "new", 7, 5.0)]
        assert here.warming.in_force == [BOTH], "nobody is moved to a cache that is still cold"
        assert here.weights.in_force == NEW
        assert await here.log() == [
            ("started", "ops:wang"),
            ("promoting", "ops:lin"),
            ("promoted", "ops:lin"),
        ]


async def test_a_warming_by_hand_moves_nobody(tmp_path: Path) -> None:
    async with world(tmp_path, BOTH) as here:
        canary_begun(here.engine, 60)
        await here.canarying.warm("ops:lin", pairs=7, seconds=5.0)
        assert (here.warming.in_force, here.weights.in_force) == ([BOTH], BOTH)
        last = (await here.entries())[-1]
        assert (last.action, last.actor, last.details) == ("warmed", "ops:lin", REPORT.wire())


async def test_a_rollback_while_the_cache_is_warmed_is_the_last_word(tmp_path: Path) -> None:
    async with world(tmp_path, BOTH) as here:
        canary_begun(here.engine, 60)
        here.warming.meanwhile = lambda: here.canarying.rollback("ops:wang")
        with pytest.raises(CanaryRefused) as refused:
            await here.canarying.promote("ops:lin", pairs=7, seconds=5.0)
        assert refused.value.why == "moved"
        assert here.weights.in_force == OLD
        assert (await here.log())[-1] == ("rolled back", "ops:wang")


async def decided(here: World, how: str) -> Entry:
    """The row of a decision by hand, after 10 of 10 at the old and 6 of 9 at the new revision."""
    begun = canary_begun(here.engine, 60)
    log_asked(here.engine, "old", 10, at=begun.started_at)
    log_asked(here.engine, "new", 6, at=begun.started_at)
    log_asked(here.engine, "new", 3, at=begun.started_at, outcome="failed")
    if how == "rolled back":
        await here.canarying.rollback("ops:lin")
    else:
        await here.canarying.promote("ops:lin", pairs=7, seconds=5.0)
    (row,) = [each for each in await here.entries() if each.action == how]
    return row


@pytest.mark.parametrize(("how", "then"), [("rolled back", OLD), ("promoting", NEW)])
async def test_who_decides_by_hand_stands_in_the_log_with_what_was_known_of_both(
    tmp_path: Path, how: str, then: dict[str, float]
) -> None:
    async with world(tmp_path, BOTH) as here:
        row = await decided(here, how)
        assert (row.actor, here.weights.in_force) == ("ops:lin", then)
        figures = [row.details[f"{side}_figures"] for side in ("baseline", "candidate")]
        assert [(each["failed"], each["requests"]) for each in figures] == [(0, 10), (3, 9)]
        assert row.details["verdict"] == "undecided"
        assert row.details["evidence"].keys() == {"errors", "slow", "thumbs"}


async def test_what_the_warming_has_done_stands_beside_the_promotion(tmp_path: Path) -> None:
    async with world(tmp_path, BOTH) as here:
        row = await decided(here, "promoted")
        assert row.details == {"warming": REPORT.wire()}


@pytest.mark.parametrize("passed", [False, None])
async def test_what_has_not_passed_its_set_is_not_started(
    tmp_path: Path, passed: bool | None
) -> None:
    evaluation = {**EVALUATION, "passed": passed} if passed is not None else EVALUATION
    async with world(tmp_path, OLD) as here:
        with pytest.raises(CanaryRefused) as refused:
            await here.canarying.start(NewCanary("new", evaluation=evaluation), "ops:lin")
        assert refused.value.why == "evaluation"
        assert (await here.log(), here.weights.in_force) == ([], OLD)


async def test_a_start_stands_in_the_log_with_what_its_set_has_said(tmp_path: Path) -> None:
    evaluation = {**EVALUATION, "passed": True}
    async with world(tmp_path, OLD) as here:
        await here.canarying.start(NewCanary("new", share=0.1, evaluation=evaluation), "ops:lin")
        (row,) = await here.entries()
        assert (row.action, row.actor) == ("started", "ops:lin")
        assert row.details["evaluation"] == evaluation
        assert (row.details["baseline"], row.details["candidate"]) == ("old", "new")
        assert here.weights.in_force == BOTH


async def test_a_baseline_that_is_not_there_starts_nothing(tmp_path: Path) -> None:
    """Nobody would be left to compare with: the new revision would get all callers at once."""
    async with world(tmp_path, OLD) as here:
        with pytest.raises(CanaryRefused) as refused:
            await here.canarying.start(NewCanary("new", baseline="odl"), "ops:lin")
        assert (refused.value.why, here.weights.in_force) == ("not_ready", OLD)


async def test_weights_of_a_revision_that_is_gone_do_not_name_the_baseline(tmp_path: Path) -> None:
    async with world(tmp_path, {"gone": 1.0}) as here:
        await here.canarying.start(NewCanary("new", share=0.1), "ops:lin")
        assert here.weights.in_force == BOTH


async def test_who_was_rolled_back_stays_out_while_the_old_one_is_down(tmp_path: Path) -> None:
    async with world(tmp_path, BOTH) as here:
        canary_begun(here.engine, 60)
        await here.canarying.rollback("ops:lin")
        assert here.weights.of_ready({"new"}) == {}
        assert here.weights.of_ready({"new", "next"}) == {"next": 1.0}
