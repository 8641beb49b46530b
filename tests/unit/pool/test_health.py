from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from gateway.pool.health import EjectionPolicy, Health, may_eject

POLICY = EjectionPolicy(
    consecutive_failures=3,
    slow_factor=4,
    first_ejection_s=5,
    max_ejection_s=40,
    max_ejected_share=0.5,
)


def answered(health: Health, now: float, first_byte_s: float = 0.1, times: int = 1) -> Health:
    for _ in range(times):
        health.record_success(now, first_byte_s, None)
    return health


def test_failures_in_a_row_eject_and_fewer_do_not() -> None:
    health = Health()
    for _ in range(2):
        health.record_failure(1, "status")
    assert health.ejection_reason(1, [], POLICY) is None
    answered(health, 1)
    for why in ("status", "status", "garbage"):
        assert health.ejection_reason(1, [], POLICY) is None
        health.record_failure(1, why)
    assert health.ejection_reason(1, [], POLICY) == "garbage"


def test_failing_every_other_time_ejects_too() -> None:
    health = Health()
    for _ in range(5):
        answered(health, 1)
        assert health.ejection_reason(1, [], POLICY) is None
        health.record_failure(1, "status")
    assert health.ejection_reason(1, [], POLICY) == "status"
    assert health.ejection_reason(100, [], POLICY) is None  # long ago


def test_slowness_is_measured_against_the_peers() -> None:
    peers = [answered(Health(), 1, 0.1, 5), answered(Health(), 1, 0.2, 5)]
    assert answered(Health(), 1, 1.0, 5).ejection_reason(1, peers, POLICY) == "slow"
    assert answered(Health(), 1, 0.5, 5).ejection_reason(1, peers, POLICY) is None
    assert (
        answered(Health(), 1, 1.0, 4).ejection_reason(1, peers, POLICY) is None
    )  # too few to tell
    assert answered(Health(), 1, 1.0, 5).ejection_reason(1, [], POLICY) is None
    assert (
        answered(Health(), 1, 1.0, 5).ejection_reason(1, peers, EjectionPolicy(slow_factor=0))
        is None
    )


def test_a_slowdown_that_nobody_notices_does_not_eject() -> None:
    peers = [answered(Health(), 1, 0.001, 5)]
    assert answered(Health(), 1, 0.05, 5).ejection_reason(1, peers, POLICY) is None


def test_slow_pieces_count_as_a_slow_first_byte_does() -> None:
    def paced(interval_s: float) -> Health:
        health = Health()
        for _ in range(5):
            health.record_success(1, 0.1, interval_s)
        return health

    assert paced(0.5).ejection_reason(1, [paced(0.02), paced(0.03)], POLICY) == "slow"
    assert paced(0.05).ejection_reason(1, [paced(0.02), paced(0.03)], POLICY) is None


def test_each_ejection_is_twice_as_long_up_to_the_longest_until_it_does_well() -> None:
    health = Health()
    now, lengths = 0.0, []
    for _ in range(5):
        lengths.append(health.eject(now, POLICY))
        assert health.ejected(now + lengths[-1] - 0.1)
        now += lengths[-1]
        assert not health.ejected(now)
        assert health.half_open(now)
        health.record_failure(now, "status")
        assert health.ejection_reason(now, [], POLICY) == "status"  # one failure is enough now
    assert lengths == [5, 10, 20, 40, 40]
    answered(health, now)
    assert not health.half_open(now)
    assert health.eject(now + 41, POLICY) == 5


@dataclass
class Member:
    ready: bool
    health: Health = field(default_factory=Health)


@given(st.lists(st.booleans(), max_size=12), st.floats(0, 1))
def test_never_more_than_the_share_is_ejected(ready: list[bool], share: float) -> None:
    policy = EjectionPolicy(max_ejected_share=share)
    members = [Member(up) for up in ready]
    for member in members:
        if member.ready and may_eject(members, 0, policy):
            member.health.eject(0, policy)
    ejected = sum(member.health.ejected(0) for member in members)
    assert ejected <= share * sum(ready)
    assert ejected == int(share * sum(ready))
