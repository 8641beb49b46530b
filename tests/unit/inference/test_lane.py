import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.batching.lane import LaneLimits, LaneTime


@pytest.mark.parametrize(
    ("slots", "reserved", "most"),
    [(8, None, 6), (17, None, 13), (3, None, 3), (1, None, 1), (8, 3, 5), (8, 0, 8), (4, 9, 1)],
)
def test_the_last_slots_are_not_for_the_lane(slots: int, reserved: int | None, most: int) -> None:
    limits = LaneLimits(reserved_slots=reserved)
    used = 0
    while limits.may_take_slot(slots, used):
        used += 1
    assert used == most


def test_without_shoppers_the_lane_runs_whatever_it_has_had() -> None:
    time = LaneTime(0.1)
    for _ in range(10):
        assert time.may_run(shoppers=False)
        time.record(5.0, 5.0, shoppers=False)


def test_a_shopper_who_has_waited_for_the_lane_s_pass_does_not_meet_another_at_once() -> None:
    time = LaneTime(0.1)
    time.record(0.2, 0.2, shoppers=False)
    passes = 0
    while not time.may_run(shoppers=True):
        time.record(0.05, 0.0, shoppers=True)
        passes += 1
    assert passes == 40  # 2 s of shoppers' passes pay off 0.2 s


@given(st.floats(0.01, 0.5), st.lists(st.floats(0.001, 0.3), min_size=50, max_size=200))
def test_beside_shoppers_the_lane_gets_its_share_and_a_pass_at_most(
    share: float, passes: list[float]
) -> None:
    """Passes that are all the lane's where it may run: the dearest it can be."""
    time = LaneTime(share)
    whole = lane = 0.0
    for took_s in passes:
        runs = time.may_run(shoppers=True)
        time.record(took_s, took_s if runs else 0.0, shoppers=True)
        whole += took_s
        lane += took_s if runs else 0.0
        assert lane <= share * whole + max(passes) + 1e-9


def test_beside_shoppers_the_lane_gets_no_less_than_its_share() -> None:
    time = LaneTime(0.1)
    turns = 0
    for _ in range(1000):
        runs = time.may_run(shoppers=True)
        time.record(0.05, 0.05 if runs else 0.0, shoppers=True)
        turns += runs
    assert turns in (100, 101)


def test_without_a_share_the_lane_waits_until_no_shopper_is_there() -> None:
    time = LaneTime(0.0)
    assert not time.may_run(shoppers=True)
    time.record(1.0, 0.0, shoppers=True)
    assert not time.may_run(shoppers=True)
    assert time.may_run(shoppers=False)


def simulated(fixed_s: float, per_row_s: float, share: float = 0.1) -> tuple[float, float]:
    """Of passes with two rows of shoppers and up to six of the lane: how often the lane's ride
    along, and how much slower that makes shoppers' answers. Passes take what they take on a device,
    give or take a tenth."""
    noise = random.Random(1)
    time = LaneTime(share)
    rides, took, alone = 0, 0.0, 0.0
    for _ in range(5000):
        rows = 8 if time.may_run(shoppers=True) else 2
        rides += rows == 8
        took_s = (fixed_s + per_row_s * rows) * noise.uniform(0.9, 1.1)
        time.record_decode(took_s, rows, rows - 2, shoppers=True)
        took += took_s
        alone += fixed_s + per_row_s * 2
    return rides / 5000, took / alone


def test_rows_that_cost_next_to_nothing_ride_along_nearly_always() -> None:
    """On a GPU a pass reads all weights, whatever its rows are."""
    rides, slower = simulated(0.025, 0.0001)
    assert rides > 0.8
    assert slower < 1.05


def test_rows_that_cost_as_much_as_shoppers_ride_along_seldom() -> None:
    """On a CPU a pass takes longer with each row."""
    rides, slower = simulated(0.008, 0.006)
    assert 0.03 < rides < 0.12
    assert slower < 1.12
