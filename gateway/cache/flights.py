"""Single-flight: equal questions at the same time share one computation and its stream."""

import asyncio
from collections.abc import AsyncGenerator, Callable

from contract.render import AnswerPiece
from contract.response import Finished
from gateway.cache.computation import Computation, Outcome


class Flight:
    """One computation, in a task of its own: its leader's client may leave, followers stay. When
    the last follower has left before its end, and nobody elsewhere follows, it is cancelled."""

    def __init__(self, computation: Computation) -> None:
        self._computation = computation
        self._events: list[AnswerPiece] = []
        self._error: BaseException | None = None
        self._changed = asyncio.Event()
        self._followers = 0
        self._abandoned = False
        self._leaving: asyncio.Task[None] | None = None
        self.task = asyncio.create_task(self._run())

    @property
    def open(self) -> bool:
        """Whether another follower may still join."""
        return not self.task.done() and not self._abandoned

    @property
    def outcome(self) -> Outcome:
        """Where its events come from; known with the first of them."""
        return self._computation.outcome

    async def follow(self) -> AsyncGenerator[AnswerPiece]:
        """Every event from the first on, however late the follower came."""
        self._followers += 1
        try:
            position = 0
            while True:
                changed = self._changed
                while position < len(self._events):
                    yield self._events[position]
                    if isinstance(self._events[position], Finished):
                        return
                    position += 1
                if changed is not self._changed:
                    continue
                if self._error is not None:
                    raise self._error
                if self.task.done():
                    return
                await changed.wait()
        finally:
            self._followers -= 1
            if not self._followers and not self._landed and not self.task.done():
                self._leaving = asyncio.create_task(self._abandon())

    async def _abandon(self) -> None:
        if await self._computation.may_cancel() and not self._followers:  # nobody came meanwhile
            self._abandoned = True
            self.task.cancel()

    @property
    def _landed(self) -> bool:
        return bool(self._events) and isinstance(self._events[-1], Finished)

    async def _run(self) -> None:
        try:
            async for event in self._computation.events():
                self._events.append(event)
                self._notify()
        except Exception as error:  # handed to every follower
            self._error = error
        finally:
            # From the loop, after the task is done: followers check `task.done()`.
            asyncio.get_running_loop().call_soon(self._notify)

    def _notify(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()


class Flights:
    def __init__(self) -> None:
        self._flights: dict[str, Flight] = {}

    def join_or_lead(
        self, key: str | None, computation: Callable[[], Computation]
    ) -> tuple[Flight, bool]:
        """The flight for this key and whether it was already under way. No key: never shared."""
        if key is None:
            return Flight(computation()), False
        flight = self._flights.get(key)
        if flight is not None and flight.open:
            return flight, True
        flight = self._flights[key] = Flight(computation())
        flight.task.add_done_callback(lambda _: self._forget(key, flight))
        return flight, False

    def _forget(self, key: str, flight: Flight) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]
