"""Who is answered next: interactive questions before batch ones, oldest first. Pure.

Batch never starves: one that has waited AGING_S counts as interactive from its arrival."""

from collections import deque
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

# A batch question's longest wait behind interactive ones while the engine is saturated.
AGING_S = 30.0


class Waiting(Protocol):
    @property
    def priority(self) -> str: ...
    @property
    def arrived(self) -> float: ...


W = TypeVar("W", bound=Waiting)


class WaitingQueue(Generic[W]):
    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._interactive: deque[W] = deque()
        self._batch: deque[W] = deque()

    def __len__(self) -> int:
        return len(self._interactive) + len(self._batch)

    def add(self, item: W) -> bool:
        """False when the queue is full: shedding now costs the asker less than waiting in vain."""
        if len(self) >= self._limit:
            return False
        self._queue(item).append(item)
        return True

    def put_back(self, item: W) -> None:
        """What had begun and must begin again goes first, whatever the limit."""
        self._queue(item).appendleft(item)

    def next(self, now: float) -> W | None:
        """Take the one whose turn it is; `now` in the clock of `arrived`."""
        aged = self._batch and now - self._batch[0].arrived >= AGING_S
        if aged and (
            not self._interactive or self._batch[0].arrived < self._interactive[0].arrived
        ):
            return self._batch.popleft()
        if self._interactive:
            return self._interactive.popleft()
        return self._batch.popleft() if self._batch else None

    def remove(self, gone: Callable[[W], bool]) -> list[W]:
        """Take out those who have left or are out of time."""
        removed = [
            item for queue in (self._interactive, self._batch) for item in queue if gone(item)
        ]
        if removed:
            self._interactive = deque(item for item in self._interactive if not gone(item))
            self._batch = deque(item for item in self._batch if not gone(item))
        return removed

    def _queue(self, item: W) -> deque[W]:
        return self._batch if item.priority == "batch" else self._interactive
