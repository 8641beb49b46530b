"""Questions that wait for a slot, in two queues: that of shoppers and that of the batch lane. Pure,
with times in seconds of any one clock."""

from collections import deque
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

# So many questions of the lane in a row may go before the one that has waited longest, because they
# are about the photo that was read last. With six questions a photo that is enough for all of them.
MAX_OVERTAKES = 16


class Waiting(Protocol):
    @property
    def arrived_at(self) -> float: ...
    @property
    def photo_key(self) -> str: ...


W = TypeVar("W", bound=Waiting)


class WaitingQueue(Generic[W]):
    """First come, first served. What was in flight and has to wait again goes before all others."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._begun: deque[W] = deque()
        self._items: deque[W] = deque()

    def __len__(self) -> int:
        return len(self._begun) + len(self._items)

    def add(self, item: W) -> bool:
        """False when the queue is full: an early refusal is better than waiting in vain."""
        if len(self) >= self._limit:
            return False
        self._items.append(item)
        return True

    def put_back(self, item: W) -> None:
        """Put a question that was in flight at the front, whatever the limit."""
        self._begun.appendleft(item)

    def peek(self) -> W | None:
        """The next question, if any, which stays in the queue."""
        if self._begun:
            return self._begun[0]
        return self._items[self._index()] if self._items else None

    def pop(self) -> W | None:
        """Take out the next question, if any."""
        if self._begun:
            return self._begun.popleft()
        if not self._items:
            return None
        index = self._index()
        item = self._items[index]
        del self._items[index]
        return item

    def longest_wait_s(self, now: float) -> float:
        """How long the oldest one has waited: whoever joins a full queue waits about as long."""
        first = [queue[0].arrived_at for queue in (self._begun, self._items) if queue]
        return max((now - arrived_at for arrived_at in first), default=0.0)

    def remove(self, condition: Callable[[W], bool]) -> list[W]:
        """Take out all questions that fulfil `condition`."""
        removed = [
            item for queue in (self._begun, self._items) for item in queue if condition(item)
        ]
        if removed:
            self._begun = deque(item for item in self._begun if not condition(item))
            self._items = deque(item for item in self._items if not condition(item))
        return removed

    def _index(self) -> int:
        """Of the next one of `_items`, which are not empty."""
        return 0


class PhotoQueue(WaitingQueue[W]):
    """Questions about the photo that was taken last go first, since that photo has been read. None
    waits for ever: whoever is oldest is overtaken MAX_OVERTAKES times at most."""

    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self._photo_key = ""
        self._overtakes = 0

    def pop(self) -> W | None:
        overtakes = not self._begun and self._items and self._index() > 0
        item = super().pop()
        if item is not None:
            self._photo_key = item.photo_key
            self._overtakes = self._overtakes + 1 if overtakes else 0
        return item

    def _index(self) -> int:
        if not self._photo_key or self._overtakes >= MAX_OVERTAKES:
            return 0
        alike = (at for at, item in enumerate(self._items) if item.photo_key == self._photo_key)
        return next(alike, 0)
