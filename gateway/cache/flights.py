"""Single-flight: equal questions at the same time share one computation and its stream."""

import asyncio
from collections.abc import AsyncGenerator, Callable

from contract.render import AnswerPiece
from contract.response import Finished
from gateway.cache.computation import Computation, Outcome


class Flight:
    """One computation in a task of its own, so that it survives when its first follower leaves. It
    is cancelled if the last follower leaves before the end and no other gateway follows."""

    def __init__(self, computation: Computation) -> None:
        self._computation = computation
        self._pieces: list[AnswerPiece] = []
        self._error: BaseException | None = None
        self._changed = asyncio.Event()
        self._followers = 0
        self._cancelled = False
        self._cancelling: asyncio.Task[None] | None = None
        self.task = asyncio.create_task(self._run())

    @property
    def open(self) -> bool:
        """Whether another follower may still join."""
        return not self.task.done() and not self._cancelled

    @property
    def outcome(self) -> Outcome:
        """Where the pieces come from; valid once the first piece is there."""
        return self._computation.outcome

    async def follow(self) -> AsyncGenerator[AnswerPiece]:
        """All pieces from the first on, however late the follower joins. Raises what it raised."""
        self._followers += 1
        try:
            position = 0
            while True:
                changed = self._changed
                while position < len(self._pieces):
                    yield self._pieces[position]
                    if isinstance(self._pieces[position], Finished):
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
            if not self._followers and not self._finished and not self.task.done():
                self._cancelling = asyncio.create_task(self._cancel_if_unfollowed())

    async def _cancel_if_unfollowed(self) -> None:
        # A follower may have joined here while `may_cancel` waited for Redis.
        if await self._computation.may_cancel() and not self._followers:
            self._cancelled = True
            self.task.cancel()

    @property
    def _finished(self) -> bool:
        return bool(self._pieces) and isinstance(self._pieces[-1], Finished)

    async def _run(self) -> None:
        try:
            async for piece in self._computation.pieces():
                self._pieces.append(piece)
                self._notify()
        except Exception as error:  # `follow` raises it
            self._error = error
        finally:
            # By the event loop, after this task is done: followers check `task.done()`.
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
        """The flight for this key, and whether it existed before. Without a key it is not
        shared."""
        if key is None:
            return Flight(computation()), False
        flight = self._flights.get(key)
        if flight is not None and flight.open:
            return flight, True
        flight = self._flights[key] = Flight(computation())
        flight.task.add_done_callback(lambda _: self._remove(key, flight))
        return flight, False

    def _remove(self, key: str, flight: Flight) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]
