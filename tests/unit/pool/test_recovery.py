"""gateway/pool/recovery.py: what is known of when it is worth asking again, on a clock of the
test's."""

from dataclasses import dataclass, field

import pytest

from contract.errors import MAX_RETRY_AFTER_S, NoReplica, Overloaded
from gateway.pool.health import EjectionPolicy, Health
from gateway.pool.recovery import KEPT_RESTARTS, AnswerTimes, Recovery, Restarts

DEFAULT_S = NoReplica.retry_after_s


def restarted(restarts: Restarts, url: str, now: float, took_s: float) -> float:
    """One cycle of one replica; returns when it was back."""
    restarts.observe({url: True}, now)
    restarts.observe({url: False}, now + 1)
    restarts.observe({url: True}, now + 1 + took_s)
    return now + 1 + took_s


def test_before_any_restart_was_seen_a_usual_one_is_assumed() -> None:
    restarts = Restarts()
    restarts.observe({"a": True}, 100)
    restarts.observe({"a": False}, 200)
    assert restarts.back_in_s(200) == DEFAULT_S
    assert restarts.back_in_s(203) == DEFAULT_S - 3


def test_afterwards_it_is_what_restarts_take_here_minus_what_has_passed() -> None:
    restarts = Restarts()
    now = 0.0
    for took_s in (4, 30, 4.5):
        now = restarted(restarts, "a", now, took_s)
    restarts.observe({"a": False}, 1000)
    assert restarts.back_in_s(1000) == 4.5, "the median"
    assert restarts.back_in_s(1002) == 2.5


def test_only_the_last_restarts_count() -> None:
    restarts = Restarts()
    now = restarted(restarts, "a", 0, 50)
    for _ in range(KEPT_RESTARTS):
        now = restarted(restarts, "a", now, 3)
    assert restarts.back_in_s(now) == 3


def test_one_that_is_late_is_given_as_much_time_again() -> None:
    restarts = Restarts()
    restarted(restarts, "a", 0, 4)
    restarts.observe({"a": False}, 100)
    assert restarts.back_in_s(104.5) == 0.5
    assert restarts.back_in_s(110) == 6


def test_a_pool_that_was_never_ready_measures_nothing_by_becoming_so() -> None:
    restarts = Restarts()
    restarts.observe({"a": False}, 0)
    assert restarts.back_in_s(2) == DEFAULT_S - 2
    restarts.observe({"a": True}, 2)
    restarts.observe({"a": False}, 50)
    assert restarts.back_in_s(50) == DEFAULT_S, "a gateway that starts late saw only the end of it"


def test_the_replica_that_is_back_first_counts() -> None:
    restarts = Restarts()
    restarts.observe({"a": True, "b": True}, 0)
    restarts.observe({"a": False, "b": True}, 5)
    restarts.observe({"a": False, "b": False}, 9)
    assert restarts.back_in_s(10) == DEFAULT_S - 5


def test_a_replica_in_the_place_of_another_measures_too() -> None:
    restarts = Restarts()
    restarts.observe({"old": True}, 0)
    restarts.observe({"old": False}, 10)
    restarts.observe({}, 11)
    assert restarts.back_in_s(12) == DEFAULT_S - 2
    restarts.observe({"new": True}, 17)
    restarts.observe({"new": False}, 50)
    assert restarts.back_in_s(50) == 7


def test_a_replica_that_is_added_measures_nothing() -> None:
    restarts = Restarts()
    restarts.observe({"a": True, "b": False}, 0)
    restarts.observe({"a": True, "b": True}, 60)
    restarts.observe({"a": False, "b": False}, 70)
    assert restarts.back_in_s(70) == DEFAULT_S


def test_a_full_queue_takes_as_long_as_answers_take_at_so_many_at_once() -> None:
    times = AnswerTimes()
    assert times.free_in_s(0, 1) == Overloaded.retry_after_s
    for took_s in (3.0, 5.0, 4.0):
        times.record(took_s)
    assert times.free_in_s(waiting=0, in_flight=8) == 0.5
    assert times.free_in_s(waiting=63, in_flight=8) == 32
    assert times.free_in_s(waiting=1, in_flight=0) == 8


@dataclass
class Replica:
    url: str = "a"
    ready: bool = True
    in_flight: int = 1
    health: Health = field(default_factory=Health)


def overloaded(*replicas: Replica, waiting: int = 0, now: float = 0, at_least_s: float = 0) -> int:
    recovery = Recovery()
    recovery.answered(2.0)
    seconds = recovery.overloaded(replicas, waiting, now, at_least_s).retry_after_s
    assert seconds is not None
    return seconds


@pytest.mark.parametrize(
    ("waiting", "told"), [(0, 2), (2, 6), (1000, MAX_RETRY_AFTER_S)], ids=["none", "two", "many"]
)
def test_what_is_told_is_whole_and_bounded(waiting: int, told: int) -> None:
    assert overloaded(Replica(), waiting=waiting) == told
    assert overloaded(Replica(in_flight=100)) == 1


def test_what_a_full_replica_says_of_itself_is_passed_on() -> None:
    assert overloaded(Replica(), at_least_s=7) == 7
    assert overloaded(Replica(), waiting=9, at_least_s=7) == 20


def test_when_all_are_ejected_it_is_told_when_the_first_may_be_asked_again() -> None:
    first, second = Replica("a"), Replica("b")
    policy = EjectionPolicy(first_ejection_s=20)
    first.health.eject(100, policy)
    assert overloaded(first, second, now=101) == 1, "one is still asked"
    second.health.eject(105, policy)
    assert overloaded(first, second, now=106) == 14
    assert overloaded(first, second, now=121) == 1


def test_without_a_replica_it_is_told_when_one_is_back() -> None:
    recovery, replica = Recovery(), Replica()
    recovery.observe([replica], 0)
    replica.ready = False
    assert recovery.no_replica([replica], 50).retry_after_s == DEFAULT_S
    assert recovery.no_replica([replica], 58.5).retry_after_s == 2
    assert recovery.no_replica([replica], 500).retry_after_s == MAX_RETRY_AFTER_S
    assert Recovery().no_replica([], 0).retry_after_s == DEFAULT_S
