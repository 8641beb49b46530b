from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from gateway.pool.health import Health, Limits, may_eject

LIMITS = Limits(failures=3, slow_factor=4, first_s=5, longest_s=40, share=0.5)


def answered(health: Health, now: float, first_s: float = 0.1, times: int = 1) -> Health:
    for _ in range(times):
        health.succeeded(now, first_s, None)
    return health


def test_failures_in_a_row_are_a_verdict_and_fewer_are_not() -> None:
    health = Health()
    for _ in range(2):
        health.failed(1, "status")
    assert health.verdict(1, [], LIMITS) is None
    answered(health, 1)
    for why in ("status", "status", "garbage"):
        assert health.verdict(1, [], LIMITS) is None
        health.failed(1, why)
    assert health.verdict(1, [], LIMITS) == "garbage"


def test_failing_every_other_time_is_a_verdict_too() -> None:
    health = Health()
    for _ in range(5):
        answered(health, 1)
        assert health.verdict(1, [], LIMITS) is None
        health.failed(1, "status")
    assert health.verdict(1, [], LIMITS) == "status"
    assert health.verdict(100, [], LIMITS) is None  # long ago


def test_slowness_is_measured_against_the_peers() -> None:
    peers = [answered(Health(), 1, 0.1, 5), answered(Health(), 1, 0.2, 5)]
    assert answered(Health(), 1, 1.0, 5).verdict(1, peers, LIMITS) == "slow"
    assert answered(Health(), 1, 0.5, 5).verdict(1, peers, LIMITS) is None
    assert answered(Health(), 1, 1.0, 4).verdict(1, peers, LIMITS) is None  # too few to tell
    assert answered(Health(), 1, 1.0, 5).verdict(1, [], LIMITS) is None
    assert answered(Health(), 1, 1.0, 5).verdict(1, peers, Limits(slow_factor=0)) is None


def test_a_slow_one_that_nobody_notices_is_left_in_peace() -> None:
    peers = [answered(Health(), 1, 0.001, 5)]
    assert answered(Health(), 1, 0.05, 5).verdict(1, peers, LIMITS) is None


def test_a_slow_pace_counts_as_a_slow_beginning_does() -> None:
    def paced(pace_s: float) -> Health:
        health = Health()
        for _ in range(5):
            health.succeeded(1, 0.1, pace_s)
        return health

    assert paced(0.5).verdict(1, [paced(0.02), paced(0.03)], LIMITS) == "slow"
    assert paced(0.05).verdict(1, [paced(0.02), paced(0.03)], LIMITS) is None


def test_each_ejection_is_twice_as_long_up_to_the_longest_until_it_does_well() -> None:
    health = Health()
    now, lengths = 0.0, []
    for _ in range(5):
        lengths.append(health.eject(now, LIMITS))
        assert health.ejected(now + lengths[-1] - 0.1)
        now += lengths[-1]
        assert not health.ejected(now)
        assert health.on_probation(now)
        health.failed(now, "status")
        assert health.verdict(now, [], LIMITS) == "status"  # one failure is enough now
    assert lengths == [5, 10, 20, 40, 40]
    answered(health, now)
    assert not health.on_probation(now)
    assert health.eject(now + 41, LIMITS) == 5


@dataclass
class Member:
    ready: bool
    health: Health = field(default_factory=Health)


@given(st.lists(st.booleans(), max_size=12), st.floats(0, 1))
def test_never_more_than_the_share_is_ejected(ready: list[bool], share: float) -> None:
    limits = Limits(share=share)
    members = [Member(up) for up in ready]
    for member in members:
        if member.ready and may_eject(members, 0, limits):
            member.health.eject(0, limits)
    ejected = sum(member.health.ejected(0) for member in members)
    assert ejected <= share * sum(ready)
    assert ejected == int(share * sum(ready))
