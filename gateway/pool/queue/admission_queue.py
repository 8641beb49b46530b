"""Bounded queue of requests that wait for a replica with capacity, fair to those who ask."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from contract.errors import Overloaded
from gateway.errors import RateLimited
from gateway.pool.queue.fairness import NOBODY, Asker, Fairness

T = TypeVar("T")


@dataclass(eq=False)
class _Waiter(Generic[T]):
    asker: Asker
    try_acquire: Callable[[], T | None]
    granted: asyncio.Future[T]


def _boundless(key: str) -> int:
    return 1_000_000


class AdmissionQueue(Generic[T]):
    """Grants what the callers' `try_acquire` functions acquire, in the order of `Fairness`; of one
    asker first come, first served. Whoever was granted something says when it `ends`.

    `try_acquire` returns what it acquired, or None when nothing is free. When it raises, the caller
    gets the exception. Callers with different keys (model revisions) cannot use each other's
    replicas. So each key has a queue of its own, and `limit` bounds them together. When it is
    reached, the newest question of whoever has most of the queue gives way to others'."""

    def __init__(
        self,
        limit: int,
        release: Callable[[T], None],
        *,
        places: Callable[[str], int] = _boundless,
        share: float = 1.0,
    ) -> None:
        """`release` undoes an acquisition whose caller was cancelled before it learned of it.
        `places`: how many there are for a key, of which one asker may have `share`."""
        self._limit = limit
        self._release = release
        self._places = places
        self._fairness = Fairness(share)
        self._queues: dict[str, list[_Waiter[T]]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._queues.values()))

    async def acquire(
        self,
        key: str,
        try_acquire: Callable[[], T | None],
        timeout_s: float,
        asker: Asker = NOBODY,
    ) -> T:
        """Acquire at once or after waiting. Raises Overloaded when the queue is full or the time is
        up, RateLimited when the asker has too much of it."""
        may_have = self._fairness.may_have_more(asker, self._places(key))
        if may_have and not self._queues.get(key) and (acquired := try_acquire()) is not None:
            self._fairness.begins(asker)
            return acquired
        self._make_room(asker)
        waiter = _Waiter(asker, try_acquire, asyncio.get_running_loop().create_future())
        self._queues.setdefault(key, []).append(waiter)
        self._fairness.waits(asker, 1)
        if may_have:  # those before it may be waiting for places of their own
            self._serve(key)
        try:
            async with asyncio.timeout(timeout_s):
                granted: T = await waiter.granted
                return granted
        except TimeoutError:
            self._withdraw(key, waiter)
            raise Overloaded from None
        except asyncio.CancelledError:
            self._withdraw(key, waiter)
            raise

    def cap(self, key: str, asker: Asker) -> int:
        """How many places the asker may have at once."""
        return self._fairness.cap(asker, self._places(key))

    def ends(self, asker: Asker = NOBODY) -> None:
        """What the asker was granted is free again."""
        self._fairness.ends(asker)
        self.wake()

    def wake(self) -> None:
        """Grant what is free now. To be called whenever something may have become free."""
        for key in list(self._queues):
            self._serve(key)

    def _serve(self, key: str) -> None:
        places = self._places(key)
        while waiter := self._next(key, places):
            try:
                acquired = waiter.try_acquire()
            except Exception as error:
                self._remove(key, waiter)
                waiter.granted.set_exception(error)
                continue
            if acquired is None:
                return
            self._remove(key, waiter)
            self._fairness.begins(waiter.asker)
            waiter.granted.set_result(acquired)

    def _next(self, key: str, places: int) -> _Waiter[T] | None:
        first_of: dict[Asker, _Waiter[T]] = {}
        for waiter in self._queues.get(key, ()):
            if not waiter.granted.done():  # else cancelled, and not yet withdrawn
                first_of.setdefault(waiter.asker, waiter)
        askers = [asker for asker in first_of if self._fairness.may_have_more(asker, places)]
        return first_of[min(askers, key=self._fairness.order)] if askers else None

    def _make_room(self, asker: Asker) -> None:
        if not self._fairness.may_wait(asker, self._limit):
            raise RateLimited
        if len(self) < self._limit:
            return
        waiting = [
            (key, waiter)
            for key, queue in self._queues.items()
            for waiter in queue
            if not waiter.granted.done()
        ]
        # The newest of the most crowding. Whoever would then crowd as much itself is refused. All
        # are compared as if the newcomer waited: it counts for the others of its tenant, too.
        crowding = self._fairness.crowding
        self._fairness.waits(asker, 1)
        key, last = max(
            reversed(waiting), key=lambda each: crowding(each[1].asker), default=("", None)
        )
        gives_way = last is not None and crowding(asker) < crowding(last.asker)
        self._fairness.waits(asker, -1)
        if last is None or not gives_way:
            raise Overloaded
        self._remove(key, last)
        last.granted.set_exception(Overloaded())

    def _remove(self, key: str, waiter: _Waiter[T]) -> None:
        queue = self._queues[key]
        queue.remove(waiter)
        self._fairness.waits(waiter.asker, -1)
        if not queue:
            del self._queues[key]

    def _withdraw(self, key: str, waiter: _Waiter[T]) -> None:
        granted = waiter.granted
        if waiter in self._queues.get(key, ()):
            self._remove(key, waiter)
        elif granted.done() and not granted.cancelled() and granted.exception() is None:
            # Granted at the moment in which the caller gave up.
            self._fairness.ends(waiter.asker)
            self._release(granted.result())
