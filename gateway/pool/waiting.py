"""Questions that wait for a free place at a replica: first come, first served, bounded."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from contract.errors import Overloaded

P = TypeVar("P")


@dataclass(eq=False)
class _Waiter(Generic[P]):
    take: Callable[[], P | None]
    granted: asyncio.Future[P]


class WaitingRoom(Generic[P]):
    """`take` claims a place and returns it, or None when there is none now; it may raise what the
    question is then told. Lines are apart where nobody can take the other's place (revisions)."""

    def __init__(self, limit: int, give_back: Callable[[P], None]) -> None:
        self._limit = limit
        self._give_back = give_back
        self._lines: dict[str, deque[_Waiter[P]]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._lines.values()))

    async def place(self, line: str, take: Callable[[], P | None], timeout_s: float) -> P:
        """A place, at once or after waiting; Overloaded when too many wait or time is up."""
        ahead = self._lines.get(line)
        if not ahead and (place := take()) is not None:
            return place
        if len(self) >= self._limit:
            raise Overloaded
        waiter = _Waiter(take, asyncio.get_running_loop().create_future())
        self._lines.setdefault(line, deque()).append(waiter)
        try:
            async with asyncio.timeout(timeout_s):
                granted: P = await waiter.granted
                return granted
        except TimeoutError:
            self._leave(line, waiter)
            raise Overloaded from None
        except asyncio.CancelledError:
            self._leave(line, waiter)
            raise

    def wake(self) -> None:
        """Hand out what has become free; to be called whenever something may have."""
        for line in list(self._lines):
            waiting = self._lines[line]
            while waiting:
                waiter = waiting[0]
                if waiter.granted.done():  # cancelled, and not yet gone
                    waiting.popleft()
                    continue
                try:
                    place = waiter.take()
                except Exception as error:
                    waiter.granted.set_exception(error)
                else:
                    if place is None:
                        break
                    waiter.granted.set_result(place)
                waiting.popleft()
            if not waiting:
                del self._lines[line]

    def _leave(self, line: str, waiter: _Waiter[P]) -> None:
        granted = waiter.granted
        if granted.done() and not granted.cancelled() and granted.exception() is None:
            self._give_back(granted.result())  # called up in the moment in which it left
        waiting = self._lines.get(line)
        if waiting is not None and waiter in waiting:
            waiting.remove(waiter)
            if not waiting:
                del self._lines[line]
