from gateway.pool.places import FULL_S, Places


def test_neither_lane_takes_the_other_s_places() -> None:
    places = Places({"interactive": 1, "batch": 2})
    places.take("batch")
    places.take("batch")
    assert not places.has_room("batch", half_open=False)
    assert places.has_room("interactive", half_open=False)
    places.take("interactive")
    assert not places.has_room("interactive", half_open=False)
    places.give_back("batch")
    assert places.has_room("batch", half_open=False)
    assert places.taken("batch") == places.taken("interactive") == 1


def test_a_half_open_replica_is_asked_one_question_of_any_kind() -> None:
    places = Places({"interactive": 8, "batch": 8})
    assert places.has_room("batch", half_open=True)
    places.take("batch")
    assert not places.has_room("interactive", half_open=True)
    assert not places.has_room("batch", half_open=True)


def test_that_one_lane_is_full_says_nothing_of_the_other() -> None:
    places = Places({"interactive": 8, "batch": 8})
    places.record_full("batch", 10.0)
    assert places.recently_full("batch", 10.0 + FULL_S / 2)
    assert not places.recently_full("batch", 10.0 + FULL_S)
    assert not places.recently_full("interactive", 10.0)
