from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from gateway.pool.balancer import choose_replica, choose_revision


@dataclass
class Fake:
    url: str
    in_flight: int = 0


def pool(*loads: int) -> list[Fake]:
    return [Fake(f"http://10.0.0.{index}:8080", load) for index, load in enumerate(loads)]


def chosen(replicas: Sequence[Fake], affinity: str, tried: Collection[str] = ()) -> Fake | None:
    return choose_replica(replicas, affinity, lambda replica: replica.in_flight, tried)


def test_a_photo_s_questions_meet_the_same_replica() -> None:
    replicas = pool(0, 0, 0)
    assert len({chosen(replicas, "photo").url for _ in range(20)}) == 1  # type: ignore[union-attr]


def test_photos_spread_over_the_replicas() -> None:
    replicas = pool(0, 0, 0)
    counts = Counter(chosen(replicas, str(photo)).url for photo in range(3000))  # type: ignore[union-attr]
    assert min(counts.values()) > 850


def test_a_loaded_replica_gives_way() -> None:
    replicas = pool(0, 0)
    favourite = chosen(replicas, "photo")
    assert favourite is not None
    favourite.in_flight = 10
    assert chosen(replicas, "photo") is not favourite


def test_a_retry_asks_another_and_none_is_left_when_all_were_tried() -> None:
    replicas = pool(0, 0)
    first = chosen(replicas, "photo")
    assert first is not None
    second = chosen(replicas, "photo", {first.url})
    assert second is not None
    assert second is not first
    assert chosen(replicas, "photo", {first.url, second.url}) is None


@given(st.lists(st.integers(0, 50), min_size=1, max_size=8), st.text(max_size=5))
def test_somebody_is_always_chosen_and_never_the_most_loaded_by_far(
    loads: list[int], affinity: str
) -> None:
    replica = chosen(pool(*loads), affinity)
    assert replica is not None
    assert replica.in_flight <= 1.25 * (sum(loads) + 1) / len(loads) + 1


def test_removing_a_replica_moves_only_its_own_photos() -> None:
    replicas = pool(0, 0, 0, 0)
    before = {photo: chosen(replicas, photo) for photo in map(str, range(500))}
    for photo, replica in before.items():
        if replica is not replicas[3]:
            assert chosen(replicas[:3], photo) is replica


def test_a_revision_gets_its_share_of_callers_who_stay() -> None:
    weights = {"old": 0.9, "new": 0.1}
    callers = [f"caller {index}" for index in range(5000)]
    first = [choose_revision(weights, caller) for caller in callers]
    assert 380 < first.count("new") < 620
    more = [choose_revision({"old": 0.8, "new": 0.2}, caller) for caller in callers]
    assert all(b == "new" for a, b in zip(first, more, strict=True) if a == "new")
    assert {choose_revision({"old": 1.0, "new": 0.0}, caller) for caller in callers} == {"old"}
