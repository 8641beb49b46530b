"""Single-flight: equal questions at the same time share one computation and its stream."""

import asyncio
from collections.abc import AsyncGenerator, Callable

from contract.errors import ShopsightError
from contract.render import AnswerPiece
from contract.response import Finished
from gateway.cache.computation import Computation, Outcome
from gateway.cache.sharing import SHARE_ALL, NotSharedError, SharePolicy, Sharing


class Flight:
    """One computation in a task of its own, so that it survives when its first follower leaves. It
    is cancelled if the last follower leaves before the end and no other gateway follows. Who began
    it hears everything, others what may be shared."""

    def __init__(self, computation: Computation, policy: SharePolicy = SHARE_ALL) -> None:
        self._computation = computation
        self._pieces: list[AnswerPiece] = []
        self._shared: list[AnswerPiece] = []
        self._sharing = Sharing(policy)
        self._error: BaseException | None = None
        self._changed = asyncio.Event()
        self._followers = 0
        self._cancelled = False
        self._cancelling: asyncio.Task[None] | None = None
        self.task = asyncio.create_task(self._run())

    @property
    def open(self) -> bool:
        """Whether another follower may still join."""
        return not (self.task.done() or self._cancelled or self._sharing.withheld)

    @property
    def outcome(self) -> Outcome:
        """Where the pieces come from; valid once the first piece is there."""
        return self._computation.outcome

    async def follow(self, own: bool = True) -> AsyncGenerator[AnswerPiece]:
        """All pieces from the first on, however late the follower joins. `own`: by who began it.
        Raises the computation's error; NotSharedError for another's answer that names a person."""
        self._followers += 1
        pieces = self._pieces if own else self._shared
        try:
            position = 0
            while True:
                changed = self._changed
                while position < len(pieces):
                    yield pieces[position]
                    if isinstance(pieces[position], Finished):
                        return
                    position += 1
                if changed is not self._changed:
                    continue
                if self._sharing.withheld and not own:
                    raise NotSharedError
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
                self._shared += self._sharing.add(piece)
                self._notify()
        except asyncio.CancelledError:
            pass  # as the task's end it would hold frames, and these a photo, in a circle
        except ShopsightError as error:  # `follow` raises it, and the next
            self._error = error.with_traceback(None)  # so would this
        except Exception as error:
            self._error = error
        finally:
            # By the event loop, after this task is done: followers check `task.done()`.
            asyncio.get_running_loop().call_soon(self._notify)

    def _notify(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()


class Flights:
    def __init__(self, policy: SharePolicy = SHARE_ALL) -> None:
        self._policy = policy
        self._flights: dict[str, Flight] = {}

    def join_or_lead(
        self, key: str | None, computation: Callable[[], Computation]
    ) -> tuple[Flight, bool]:
        """The flight for this key, and whether it existed before. A flight without a key is not
        shared."""
        if key is None:
            return Flight(computation()), False
        flight = self._flights.get(key)
        if flight is not None and flight.open:
            return flight, True
        flight = self._flights[key] = Flight(computation(), self._policy)
        flight.task.add_done_callback(lambda _: self._remove(key, flight))
        return flight, False

    def _remove(self, key: str, flight: Flight) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]
