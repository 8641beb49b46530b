"""Who waits in an engine, and who gets a slot: shoppers first, then the batch lane."""

import threading
import time
from collections.abc import Callable

from contract.errors import Overloaded
from inference.batching.lane import STARVED_S, BatchLaneFull, LaneLimits
from inference.batching.passes import Passes
from inference.batching.sequence import Sequence
from inference.batching.waiting_queue import PhotoQueue, WaitingQueue
from inference.telemetry import Metrics


class Admission:
    """Questions come in on any thread, and go out on the engine thread."""

    def __init__(self, queue_limit: int, lane: LaneLimits, metrics: Metrics) -> None:
        self._shoppers: WaitingQueue[Sequence] = WaitingQueue(queue_limit)
        self._lane: PhotoQueue[Sequence] = PhotoQueue(lane.queue_limit)
        self._limits = lane
        self._metrics = metrics
        self._lock = threading.Lock()  # guards both queues
        self._lane_last_ended = time.monotonic()
        self._lane_taken = 0
        """Slots that the lane has, and had to the end since the last look."""
        self._keeps_slot: Sequence | None = None
        """The row of the lane that no shopper's question preempts."""

    @property
    def shoppers_waiting(self) -> int:
        return len(self._shoppers)

    @property
    def lane_waiting(self) -> int:
        return len(self._lane)

    def __bool__(self) -> bool:
        return bool(self._shoppers or self._lane)

    def add(self, row: Sequence) -> None:
        """Raises Overloaded or BatchLaneFull, with how long whoever waits has waited."""
        with self._lock:
            queue = self._queue_of(row)
            if not queue.add(row):
                full = BatchLaneFull if row.in_lane else Overloaded
                raise full.retried_after(queue.longest_wait_s(time.monotonic()))

    def put_back(self, row: Sequence) -> None:
        """A row that was in flight waits again, before all others."""
        self._lane_taken -= row.in_lane
        with self._lock:
            self._queue_of(row).put_back(row)

    def remove(self, condition: Callable[[Sequence], bool]) -> list[Sequence]:
        """Take out all that fulfil the condition."""
        with self._lock:
            return [*self._shoppers.remove(condition), *self._lane.remove(condition)]

    def admit(self, passes: Passes) -> None:
        """Give slots to waiting questions: to shoppers' first, then to the lane's while enough are
        free. A shopper's question that finds none takes one of the lane's."""
        now = time.monotonic()
        if self._lane_starves(passes, now) and passes.has_room:
            self._keeps_slot = self._begin(self._lane, passes, now)
        while self._shoppers and (passes.has_room or self._preempt(passes)):
            self._begin(self._shoppers, passes, now)
        while self._lane_may_begin(passes):
            self._begin(self._lane, passes, now)

    def _queue_of(self, row: Sequence) -> WaitingQueue[Sequence]:
        return self._lane if row.in_lane else self._shoppers

    def _begin(self, queue: WaitingQueue[Sequence], passes: Passes, now: float) -> Sequence | None:
        with self._lock:
            row = queue.pop()
        if row is None:  # another thread has ended all
            return None
        self._lane_taken += row.in_lane
        if row.has_begun:  # what is known of it was known before, or read
            passes.rows.add(row)
            return row
        row.job.began_at = now
        self._metrics.wait_s.labels(row.priority).observe(now - row.arrived_at)
        self._metrics.known_tokens.inc(passes.rows.add(row))
        return row

    def _preempt(self, passes: Passes) -> bool:
        """Free the slot of the lane's newest row: the oldest one has most to lose. False if there
        is none that may be taken."""
        kept = self._keeps_slot if passes.slots > 1 else None
        rows = [row for row in passes.rows if row.in_lane and row is not kept]
        if rows:
            passes.preempt(max(rows, key=lambda row: row.arrived_at), "shopper")
        return bool(rows)

    def _lane_starves(self, passes: Passes, now: float) -> bool:
        """It has no slot, and has waited for STARVED_S without one that it had to the end: of a
        slot that shoppers took back it may have had nothing. With a single slot nobody could be
        answered beside it, so there it has to wait until no shopper asks."""
        in_flight = len(passes.rows) - passes.rows.shoppers
        if self._lane_taken > in_flight:
            self._lane_last_ended = now
        self._lane_taken = in_flight
        if in_flight:
            return False
        self._keeps_slot = None
        without_s = min(now - self._lane_last_ended, self._lane.longest_wait_s(now))
        may_run = self._limits.share > 0  # else it would hold the slot and do nothing with it
        return may_run and passes.slots > 1 and without_s >= STARVED_S

    def _lane_may_begin(self, passes: Passes) -> bool:
        with self._lock:
            row = self._lane.peek()
        if row is None or not self._limits.may_take_slot(passes.slots, len(passes.rows)):
            return False
        # What is being read of its photo can be used as soon as the reading has ended.
        reading = {other.photo_key for other in passes.rows.prefilling if other.reads_photo}
        return row.photo_key not in reading
