"""What a gateway does about a canary in one round, by what the verdict on it is."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from gateway.canary.figures import SideFigures
from gateway.canary.judge import JudgedCanary
from gateway.canary.metrics import CanaryMetrics
from gateway.canary.record import Action, Canary, Entry, newest_canary
from gateway.canary.verdict import CanaryVerdict, Decision
from gateway.usecases.canary import watching
from gateway.usecases.canary.deciding import Canarying
from gateway.usecases.canary.warming import WarmReport
from gateway.usecases.canary.watching import Watching

STARTED = {"baseline": "old", "candidate": "new", "share": 0.2, "promote_after": 10, "slow_ms": 9}
EVIDENCE = {"errors": 99.0}
OLD, NEW, BOTH = {"old": 1.0}, {"new": 1.0}, {"old": 0.8, "new": 0.2}


@dataclass
class Weights:
    named: dict[str, float]

    @property
    def in_force(self) -> dict[str, float]:
        return {revision: weight for revision, weight in self.named.items() if weight}

    async def change(self, weights: dict[str, float]) -> None:
        self.named = weights


@dataclass
class Pool:
    weights: Weights


@dataclass
class Journal:
    """In memory. `down`: the database does not answer to writes."""

    entries: list[Entry]
    decision: Decision = "undecided"
    down: bool = False

    async def read(self) -> Canary | None:
        return newest_canary(self.entries)

    async def judge(self, canary: Canary) -> JudgedCanary:
        verdict = CanaryVerdict(self.decision, dict(EVIDENCE), 60.0, "errors", 100)
        return JudgedCanary(verdict, SideFigures(), SideFigures(), 60)

    async def append(self, after: Canary, actor: str, action: Action, **details: Any) -> None:
        if self.down:
            raise OperationalError("", None, Exception("gone"))
        assert after.last == self.entries[-1].number
        self.entries.append(entry(len(self.entries) + 1, actor, action, **details))

    async def seconds_since(self, canary: Canary) -> float:
        return 0.0

    def close(self) -> None: ...


class Warming:
    async def warm(self, *_: object) -> WarmReport:
        return WarmReport()


def entry(number: int, actor: str, action: Action, **details: Any) -> Entry:
    return Entry(number, datetime(2026, 11, 1, tzinfo=UTC), actor, action, details)


@dataclass
class World:
    journal: Journal
    weights: Weights = field(default_factory=lambda: Weights(dict(BOTH)))

    def __post_init__(self) -> None:
        canarying = Canarying(
            cast(Any, self.journal), cast(Any, Pool(self.weights)), cast(Any, Warming())
        )
        self.watching = Watching(canarying, CanaryMetrics(CollectorRegistry()))

    async def round(self) -> None:
        await self.watching._round()
        if self.watching._promotion is not None:
            await asyncio.wait_for(self.watching._promotion, 5)

    @property
    def log(self) -> list[tuple[str, str]]:
        return [(each.action, each.actor) for each in self.journal.entries]


def world(decision: Decision, promote: bool = False) -> World:
    return World(Journal([entry(1, "ops", "started", **STARTED, promote=promote)], decision))


async def test_one_that_is_worse_is_rolled_back_by_nobody_s_hand() -> None:
    here = world("rollback", promote=True)
    await here.round()
    assert here.weights.named == {"old": 1.0, "new": 0.0}, "also while the old one is down"
    assert here.log == [("started", "ops"), ("rolled back", "verdict")]
    told = here.journal.entries[-1].details
    assert (told["verdict"], told["why"], told["evidence"]) == ("rollback", "errors", EVIDENCE)
    await here.round()
    assert len(here.log) == 2, "once"


async def test_one_that_becomes_bad_while_its_cache_is_warmed_is_rolled_back() -> None:
    here = world("rollback", promote=True)
    here.journal.entries.append(entry(2, "verdict", "promoting", for_seconds=120.0))
    await here.round()
    assert here.weights.in_force == OLD
    assert here.log[-1] == ("rolled back", "verdict")


async def test_a_database_that_is_away_keeps_no_bad_revision_in_force() -> None:
    here = world("rollback")
    here.journal.down = True
    with pytest.raises(SQLAlchemyError):
        await here.round()
    assert here.weights.in_force == OLD
    here.journal.down = False
    await here.round()
    assert here.log[-1] == ("rolled back", "verdict")


@pytest.mark.parametrize("promote", [True, False])
async def test_one_that_is_good_goes_on_only_where_ops_have_said_so(promote: bool) -> None:
    here = world("promote", promote)
    await here.round()
    assert here.weights.in_force == (NEW if promote else BOTH)
    assert [action for action, _ in here.log][1:] == (["promoting", "promoted"] if promote else [])


async def test_nothing_is_done_before_a_verdict() -> None:
    here = world("undecided", promote=True)
    await here.round()
    assert (here.weights.in_force, len(here.log)) == (BOTH, 1)


async def test_other_weights_that_stay_end_it_and_are_left(monkeypatch: pytest.MonkeyPatch) -> None:
    here = world("promote", promote=True)
    here.weights.named = {"old": 0.5, "new": 0.5}  # as somebody has set them by hand
    await here.round()
    assert len(here.log) == 1, "they may be on their way only"
    monkeypatch.setattr(watching, "DIFFER_S", 0.0)
    await here.round()
    assert here.log[-1] == ("ended", "weights")
    assert here.weights.in_force == {"old": 0.5, "new": 0.5}
