"""Rounds of the autoscaler by a clock of the test: what it changes, when, and what it leaves."""

from dataclasses import dataclass, field

import pytest
from prometheus_client import CollectorRegistry

from ops.autoscaling.alerts import AlertsUnknown
from ops.autoscaling.controller import Controller
from ops.autoscaling.docker import EngineFailed
from ops.autoscaling.metrics import AutoscalerMetrics
from ops.autoscaling.policy import Bounds, Direction, Fleet

BOUNDS = Bounds(minimum=1, maximum=9, step_out=1, out_cooldown_s=60, in_cooldown_s=600, start_s=900)


@dataclass
class Clock:
    now: float = 1000.0

    def monotonic(self) -> float:
        return self.now


@dataclass
class World:
    """Both of what is asked and what is changed."""

    directions: frozenset[Direction] = frozenset({"out"})
    replicas: int = 3
    down: Exception | None = None
    refuses: bool = False
    scaled: list[int] = field(default_factory=list)

    def firing(self) -> frozenset[Direction]:
        if self.down is not None:
            raise self.down
        return self.directions

    def fleet(self) -> Fleet:
        return Fleet(self.replicas, self.replicas)

    def scale(self, replicas: int) -> None:
        self.scaled.append(replicas)
        if self.refuses:
            raise EngineFailed("in the middle")
        self.replicas = replicas


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr("ops.autoscaling.controller.time", made)
    return made


def controller(world: World, dry_run: bool = False) -> Controller:
    metrics = AutoscalerMetrics(CollectorRegistry(), BOUNDS)
    return Controller(world, world, BOUNDS, metrics, dry_run)


def later(clock: Clock, scaler: Controller, seconds: float) -> tuple[str, str] | None:
    clock.now += seconds
    decision = scaler.round()
    return None if decision is None else (decision.action, decision.reason)


def test_a_change_begins_the_cool_down_of_the_next(clock: Clock) -> None:
    world = World()
    scaler = controller(world)
    assert later(clock, scaler, 60) == ("out", "waiting")
    assert later(clock, scaler, 59) == ("hold", "cooldown")
    assert later(clock, scaler, 1) == ("out", "waiting")
    assert world.scaled == [4, 5]


def test_after_a_change_outwards_none_goes_before_the_longer_cool_down(clock: Clock) -> None:
    world = World()
    scaler = controller(world)
    assert later(clock, scaler, 60) == ("out", "waiting")
    world.directions = frozenset({"in"})
    assert later(clock, scaler, 599) == ("hold", "cooldown")
    assert later(clock, scaler, 1) == ("in", "idle")
    assert world.scaled == [4, 3]


def test_what_happened_before_its_start_counts_as_just_now(clock: Clock) -> None:
    """Else a restart in a rush would add at once what the last one has added."""
    world = World()
    scaler = controller(world)
    assert later(clock, scaler, 0) == ("hold", "cooldown")
    assert world.scaled == []


def test_a_dry_run_has_its_cool_downs_and_changes_nothing(clock: Clock) -> None:
    world = World()
    scaler = controller(world, dry_run=True)
    assert later(clock, scaler, 60) == ("out", "waiting")
    assert later(clock, scaler, 59) == ("hold", "cooldown")
    assert later(clock, scaler, 1) == ("out", "waiting")
    assert world.scaled == []


def test_a_change_that_breaks_off_begins_the_cool_down_too(clock: Clock) -> None:
    """Part of it may have been done."""
    world = World(refuses=True)
    scaler = controller(world)
    assert later(clock, scaler, 60) is None
    assert later(clock, scaler, 59) == ("hold", "cooldown")
    assert world.scaled == [4]


@pytest.mark.parametrize("why", [AlertsUnknown("no answer"), EngineFailed("no leader")])
def test_while_somebody_does_not_answer_nothing_is_changed(clock: Clock, why: Exception) -> None:
    world = World(down=why)
    scaler = controller(world)
    assert later(clock, scaler, 10_000) is None
    world.down = None
    assert later(clock, scaler, 0) == ("out", "waiting"), "no cool-down without a change"


def test_what_is_missing_to_the_minimum_is_not_tried_anew_each_round_where_it_fails(
    clock: Clock,
) -> None:
    world = World(directions=frozenset(), replicas=0, refuses=True)
    scaler = controller(world)
    assert later(clock, scaler, 0) is None, "tried at once"
    assert {later(clock, scaler, 5) for _ in range(11)} == {("hold", "cooldown")}
    world.refuses = False
    assert later(clock, scaler, 5) == ("out", "minimum")
    world.replicas = 0
    assert later(clock, scaler, 5) == ("out", "minimum"), "no pause after what went well"
    assert world.scaled == [1, 1, 1]
