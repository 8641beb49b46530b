"""Which waiting question is next: interactive before batch, each in the order of arrival. Pure.

Batch questions do not starve: after AGING_S in the queue one competes as if it were interactive."""

from collections import deque
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

# The longest wait of a batch question behind interactive ones while the engine is saturated.
AGING_S = 30.0


class Waiting(Protocol):
    @property
    def priority(self) -> str: ...
    @property
    def arrived_at(self) -> float: ...


W = TypeVar("W", bound=Waiting)


class WaitingQueue(Generic[W]):
    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._interactive: deque[W] = deque()
        self._batch: deque[W] = deque()

    def __len__(self) -> int:
        return len(self._interactive) + len(self._batch)

    def add(self, item: W) -> bool:
        """False when the queue is full: an early refusal is better than waiting in vain."""
        if len(self) >= self._limit:
            return False
        self._queue(item).append(item)
        return True

    def put_back(self, item: W) -> None:
        """Put a question that was in flight at the front, whatever the limit."""
        self._queue(item).appendleft(item)

    def pop_next(self, now: float) -> W | None:
        """Take out the next question, if any; `now` on the clock of `arrived_at`."""
        aged = self._batch and now - self._batch[0].arrived_at >= AGING_S
        if aged and (
            not self._interactive or self._batch[0].arrived_at < self._interactive[0].arrived_at
        ):
            return self._batch.popleft()
        if self._interactive:
            return self._interactive.popleft()
        return self._batch.popleft() if self._batch else None

    def longest_wait_s(self, now: float) -> float:
        """How long the next one has waited: whoever joins a full queue waits about as long."""
        first = [queue[0].arrived_at for queue in (self._interactive, self._batch) if queue]
        return max((now - arrived_at for arrived_at in first), default=0.0)

    def remove(self, condition: Callable[[W], bool]) -> list[W]:
        """Take out all questions that fulfil `condition`."""
        removed = [
            item for queue in (self._interactive, self._batch) for item in queue if condition(item)
        ]
        if removed:
            self._interactive = deque(item for item in self._interactive if not condition(item))
            self._batch = deque(item for item in self._batch if not condition(item))
        return removed

    def _queue(self, item: W) -> deque[W]:
        return self._batch if item.priority == "batch" else self._interactive
