"""When a replica more or less is wanted, and when nothing is to be changed."""

from dataclasses import replace

import pytest

from ops.autoscaling.policy import Bounds, Decision, Direction, Fleet, decide

BOUNDS = Bounds(minimum=2, maximum=5, step_out=2, out_cooldown_s=60, in_cooldown_s=600, start_s=900)
OUT: frozenset[Direction] = frozenset({"out"})
IN: frozenset[Direction] = frozenset({"in"})
LONG_AGO = 10_000.0


def decided(
    fleet: Fleet, firing: frozenset[Direction], since_change_s: float = LONG_AGO
) -> tuple[str, str, int]:
    found = decide(BOUNDS, fleet, firing, since_change_s)
    return found.action, found.reason, found.replicas


@pytest.mark.parametrize(
    ("there", "then"), [(2, ("out", "waiting", 4)), (4, ("out", "waiting", 5))]
)
def test_what_waits_brings_replicas_up_to_the_maximum(
    there: int, then: tuple[str, str, int]
) -> None:
    assert decided(Fleet(there, there), OUT) == then


@pytest.mark.parametrize("there", [5, 7])
def test_nothing_is_added_at_the_maximum_or_where_somebody_went_beyond_it(there: int) -> None:
    assert decided(Fleet(there, there), OUT) == ("hold", "maximum", there)


def test_one_goes_at_a_time_down_to_the_minimum() -> None:
    assert decided(Fleet(4, 4), IN) == ("in", "idle", 3)
    assert decided(Fleet(7, 7), IN) == ("in", "idle", 6)
    assert decided(Fleet(2, 2), IN) == ("hold", "minimum", 2)


def test_silence_takes_nothing_away() -> None:
    assert decided(Fleet(5, 5), frozenset()) == ("hold", "quiet", 5)


def test_fewer_than_the_minimum_are_made_up_for_without_an_alert() -> None:
    assert decided(Fleet(1, 1), frozenset(), since_change_s=0) == ("out", "minimum", 2)


def test_out_goes_before_in() -> None:
    assert decided(Fleet(3, 3), OUT | IN)[0] == "out"


@pytest.mark.parametrize(
    ("firing", "cooldown_s"), [(OUT, BOUNDS.out_cooldown_s), (IN, BOUNDS.in_cooldown_s)]
)
def test_the_last_change_is_given_time(firing: frozenset[Direction], cooldown_s: float) -> None:
    there = Fleet(3, 3)
    assert decided(there, firing, cooldown_s - 1) == ("hold", "cooldown", 3)
    assert decided(there, firing, cooldown_s)[0] != "hold"


@pytest.mark.parametrize("firing", [OUT, IN])
def test_a_replica_that_starts_is_waited_for(firing: frozenset[Direction]) -> None:
    starting = Fleet(4, 3)
    assert decided(starting, firing, BOUNDS.start_s - 1) == ("hold", "starting", 4)


def test_one_that_never_gets_ready_does_not_stand_in_the_way_of_more() -> None:
    stuck = Fleet(3, 2)
    assert decided(stuck, OUT, BOUNDS.start_s) == ("out", "waiting", 5)
    # But none goes: it might be one of those that answer.
    assert decided(stuck, IN, BOUNDS.start_s) == ("hold", "unready", 3)


@pytest.mark.parametrize("firing", [OUT, IN, frozenset()])
def test_a_rolling_update_is_left_alone(firing: frozenset[Direction]) -> None:
    updating = replace(Fleet(1, 1), updating=True)
    assert decide(BOUNDS, updating, firing, LONG_AGO) == Decision("hold", "updating", 1)
