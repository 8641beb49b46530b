import asyncio
import gc
import weakref
from collections.abc import AsyncGenerator

import pytest

from contract.errors import ReplicaFailed
from contract.render import AnswerPiece
from contract.response import Delta, Finished
from gateway.cache.computation import Computation
from gateway.cache.flights import Flight, Flights
from gateway.usecases.refresh import Refreshes


class Model:
    """A computation in the test's hands: counts its runs, goes on when told."""

    def __init__(self) -> None:
        self.runs = 0
        self.ended = 0
        self.go = asyncio.Event()
        self.fails = False

    def computation(self) -> Computation:
        return Computation(self.compute)

    async def compute(self) -> AsyncGenerator[AnswerPiece]:
        self.runs += 1
        try:
            yield Delta("a")
            await self.go.wait()
            if self.fails:
                raise ReplicaFailed
            yield Delta("b")
            yield Finished("stop")
        finally:
            self.ended += 1


async def heard(flight: Flight) -> list[AnswerPiece]:
    return [piece async for piece in flight.follow()]


WHOLE = [Delta("a"), Delta("b"), Finished("stop")]


async def test_fifty_equal_questions_are_one_computation() -> None:
    flights, model = Flights(), Model()
    joined = [flights.join_or_lead("k", model.computation) for _ in range(50)]
    tasks = [asyncio.create_task(heard(flight)) for flight, _ in joined]
    await asyncio.sleep(0.01)
    model.go.set()
    assert await asyncio.gather(*tasks) == [WHOLE] * 50
    assert model.runs == 1
    assert [was for _, was in joined] == [False] + [True] * 49


async def test_a_late_follower_hears_everything_from_the_beginning() -> None:
    flights, model = Flights(), Model()
    first, _ = flights.join_or_lead("k", model.computation)
    task = asyncio.create_task(heard(first))
    await asyncio.sleep(0.01)
    late, joined = flights.join_or_lead("k", model.computation)
    model.go.set()
    assert joined
    assert await heard(late) == await task == WHOLE


async def test_other_questions_are_computations_of_their_own() -> None:
    flights, model = Flights(), Model()
    model.go.set()
    for key in ("k1", "k2", None, None):
        flight, joined = flights.join_or_lead(key, model.computation)
        assert await heard(flight) == WHOLE
        assert not joined
    assert model.runs == 4


async def test_the_leader_s_client_may_leave_without_harm_to_followers() -> None:
    flights, model = Flights(), Model()
    leader, _ = flights.join_or_lead("k", model.computation)
    follower, _ = flights.join_or_lead("k", model.computation)
    leading, following = asyncio.create_task(heard(leader)), asyncio.create_task(heard(follower))
    await asyncio.sleep(0.01)
    leading.cancel()
    await asyncio.sleep(0.01)
    model.go.set()
    assert await following == WHOLE
    assert model.runs == 1


async def test_when_everybody_has_left_the_computation_ends() -> None:
    flights, model = Flights(), Model()
    flight, _ = flights.join_or_lead("k", model.computation)
    task = asyncio.create_task(heard(flight))
    await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.sleep(0.01)
    assert model.ended == 1
    again, joined = flights.join_or_lead("k", model.computation)
    model.go.set()
    assert await heard(again) == WHOLE
    assert not joined


async def test_a_question_right_after_everybody_left_keeps_the_computation() -> None:
    flights, model = Flights(), Model()
    flight, _ = flights.join_or_lead("k", model.computation)
    stream = flight.follow()
    await anext(stream)
    await stream.aclose()  # nobody follows, but nobody has ended it yet
    again, joined = flights.join_or_lead("k", model.computation)
    model.go.set()
    assert joined
    assert await heard(again) == WHOLE
    assert model.runs == 1


async def test_a_question_after_the_computation_was_ended_starts_anew() -> None:
    flights, model = Flights(), Model()
    flight, _ = flights.join_or_lead("k", model.computation)
    stream = flight.follow()
    await anext(stream)
    await stream.aclose()
    await asyncio.sleep(0.01)
    assert not flight.open
    again, joined = flights.join_or_lead("k", model.computation)
    model.go.set()
    assert not joined
    assert await heard(again) == WHOLE


async def test_a_failure_reaches_every_follower_and_is_not_kept() -> None:
    flights, model = Flights(), Model()
    model.fails = True
    tasks = [
        asyncio.create_task(heard(flights.join_or_lead("k", model.computation)[0]))
        for _ in range(3)
    ]
    await asyncio.sleep(0.01)
    model.go.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(result) for result in results] == [ReplicaFailed] * 3
    model.fails = False
    flight, joined = flights.join_or_lead("k", model.computation)
    assert not joined
    assert await heard(flight) == WHOLE


async def test_nothing_is_remembered_of_finished_flights() -> None:
    flights, model = Flights(), Model()
    model.go.set()
    for index in range(10):
        await heard(flights.join_or_lead(str(index), model.computation)[0])
    await asyncio.sleep(0.01)
    assert not flights._flights


@pytest.mark.parametrize("followers", [1, 5])
async def test_a_flight_that_is_cancelled_from_outside_leaves_nobody_waiting(
    followers: int,
) -> None:
    flight, _ = Flights().join_or_lead("k", Model().computation)
    tasks = [asyncio.create_task(heard(flight)) for _ in range(followers)]
    await asyncio.sleep(0.01)
    flight.task.cancel()
    assert await asyncio.wait_for(asyncio.gather(*tasks), 1) == [[Delta("a")]] * followers


@pytest.mark.parametrize("how", ["a failed refresh", "everybody has left", "the others have left"])
async def test_what_ends_early_is_let_go_of_without_a_collection(how: str) -> None:
    """It holds a photo. Nobody makes an answer of its error, which lets go of it."""
    gc.disable()
    try:
        model = Model()
        model.fails = how != "everybody has left"
        flight, _ = Flights().join_or_lead("k", model.computation)
        gone, computed = weakref.ref(flight), flight.task
        if how == "a failed refresh":
            Refreshes().watch(flight)
        else:
            following = asyncio.create_task(heard(flight))
        await asyncio.sleep(0.01)
        if how == "the others have left":  # another gateway follows
            flight._followers += 1
        if how != "a failed refresh":
            following.cancel()
            del following
        del flight
        if model.fails:
            model.go.set()
        await asyncio.wait([computed])
        del computed
        await asyncio.sleep(0.01)
        assert gone() is None
    finally:
        gc.enable()
