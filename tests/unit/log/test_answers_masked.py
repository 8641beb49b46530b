"""What a row says of an answer, however often it is given out, and of a route."""

import pytest

from contract.response import Delta
from gateway.log import interaction
from gateway.log.interaction import Interaction

CALL = "Call 13812345678, it is leather."


def row_of(answer: str, cache: str) -> str | None:
    asked = Interaction("0" * 32)
    asked.cache = cache
    asked.add_piece(Delta(answer))
    answer_of_row: str | None = asked.row(None)["answer"]
    return answer_of_row


@pytest.mark.parametrize("cache", ["miss", "hit", "stale", "joined"])
def test_an_answer_is_masked_wherever_it_comes_from(cache: str) -> None:
    for _ in range(2):
        assert row_of(CALL, cache) == "Call [phone], it is leather."


def test_a_route_that_is_too_long_costs_its_end_and_no_row() -> None:
    asked = Interaction("0" * 32, route="/v1/" + "x" * 80)
    assert asked.row(None)["route"] == "/v1/" + "x" * 44


def test_only_answers_from_the_cache_are_remembered() -> None:
    interaction._masked_again.cache_clear()
    row_of("Named only once, by a model.", "miss")
    assert interaction._masked_again.cache_info().currsize == 0
    for _ in range(3):
        row_of("It is leather.", "hit")
    assert interaction._masked_again.cache_info().hits == 2
