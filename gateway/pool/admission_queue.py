"""Bounded first-come-first-served queue of requests that wait for a replica with capacity."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from contract.errors import Overloaded

T = TypeVar("T")


@dataclass(eq=False)
class _Waiter(Generic[T]):
    try_acquire: Callable[[], T | None]
    granted: asyncio.Future[T]


class AdmissionQueue(Generic[T]):
    """Grants what the callers' `try_acquire` functions acquire.

    `try_acquire` returns what it acquired, or None when nothing is free. When it raises, the caller
    gets the exception. Callers with different keys (model revisions) cannot use each other's
    replicas. So each key has a queue of its own, and `limit` bounds them together."""

    def __init__(self, limit: int, release: Callable[[T], None]) -> None:
        """`release` undoes an acquisition whose caller was cancelled before it learned of it."""
        self._limit = limit
        self._release = release
        self._queues: dict[str, deque[_Waiter[T]]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._queues.values()))

    async def acquire(self, key: str, try_acquire: Callable[[], T | None], timeout_s: float) -> T:
        """Acquire at once or after waiting. Raises Overloaded when the queue is full or the time is
        up."""
        if not self._queues.get(key) and (acquired := try_acquire()) is not None:
            return acquired
        if len(self) >= self._limit:
            raise Overloaded
        waiter = _Waiter(try_acquire, asyncio.get_running_loop().create_future())
        self._queues.setdefault(key, deque()).append(waiter)
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

    def wake(self) -> None:
        """Grant what is free now. To be called whenever something may have become free."""
        for key in list(self._queues):
            queue = self._queues[key]
            while queue:
                waiter = queue[0]
                if waiter.granted.done():  # cancelled, and not yet withdrawn
                    queue.popleft()
                    continue
                try:
                    acquired = waiter.try_acquire()
                except Exception as error:
                    waiter.granted.set_exception(error)
                else:
                    if acquired is None:
                        break
                    waiter.granted.set_result(acquired)
                queue.popleft()
            if not queue:
                del self._queues[key]

    def _withdraw(self, key: str, waiter: _Waiter[T]) -> None:
        granted = waiter.granted
        if granted.done() and not granted.cancelled() and granted.exception() is None:
            self._release(granted.result())  # granted at the moment in which the caller gave up
        queue = self._queues.get(key)
        if queue is not None and waiter in queue:
            queue.remove(waiter)
            if not queue:
                del self._queues[key]
