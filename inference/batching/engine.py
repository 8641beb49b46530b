"""In-flight batching: one thread owns the model and runs it step by step. Questions join and leave
between steps, so that none waits for the longest answer of a batch."""

import logging
import threading
import time
from collections.abc import AsyncGenerator

from contract.errors import DeadlineExceeded, NoReplica, Overloaded
from contract.response import Delta, Finished
from inference.batching.job import Job
from inference.batching.passes import Passes
from inference.batching.sequence import Sequence
from inference.batching.waiting_queue import WaitingQueue
from inference.model.model import Model
from inference.telemetry import Metrics

log = logging.getLogger(__name__)

# So many steps that fail one after the other, with a pause after each: then the engine gives up.
MAX_FAILED_STEPS, FAILED_STEP_PAUSE_S = 10, 0.05


class Engine:
    def __init__(
        self, model: Model, metrics: Metrics, *, queue_limit: int, prefill_tokens: int
    ) -> None:
        """`prefill_tokens`: at most so many prompt tokens a step, padding included."""
        self._model = model
        self._metrics = metrics
        self._waiting: WaitingQueue[Sequence] = WaitingQueue(queue_limit)
        self._condition = threading.Condition()  # guards _waiting and _stopping
        self._stopping = False
        self._passes = Passes(model, metrics, prefill_tokens, self._put_back)
        self._rows = self._passes.rows
        self._failed_steps = 0
        self._step_began_at: float | None = None
        self.has_failed = False
        """It answers nothing any more, and only a new process will."""
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Finish what is in flight, refuse what waits, end the thread."""
        with self._condition:
            self._stopping = True
            self._condition.notify()
        self._thread.join(timeout=60)

    def in_step_for_s(self, now: float) -> float:
        """How long the step under way has taken; 0 between steps. Called on any thread."""
        began_at = self._step_began_at
        return 0.0 if began_at is None else now - began_at

    def abandon(self) -> None:
        """End every question, and take no more. It never touches the device, so any thread may call
        it, even while the engine thread hangs."""
        with self._condition:
            self.has_failed = self._stopping = True
            rows = [*self._waiting.remove(lambda _: True), *self._rows]
            self._condition.notify()
        for row in rows:
            self._passes.end(row, NoReplica())

    async def answer(self, job: Job) -> AsyncGenerator[Delta | Finished]:
        """The pieces of the answer. When the caller closes the iterator, the next step frees the
        slot. Raises Overloaded or NoReplica at once; later DeadlineExceeded, InternalError,
        ReplicaFailed where the model computed no number, NoReplica where the device is lost."""
        row = Sequence(job, self._model.bytes_of, self._model.is_end_token)
        with self._condition:
            if self._stopping:
                raise NoReplica
            if not self._waiting.add(row):
                self._metrics.requests.labels(Overloaded.code).inc()
                raise Overloaded.retried_after(self._waiting.longest_wait_s(time.monotonic()))
            self._condition.notify()
        async for piece in job.pieces():
            yield piece

    def _run(self) -> None:
        try:
            while not self.has_failed and self._has_work():
                self._step_began_at = time.monotonic()
                try:
                    self.step()
                    self._failed_steps = 0
                except Exception:
                    log.exception("step failed")
                    self._begin_anew()
                self._step_began_at = None
        except BaseException:  # whatever it is: nobody may wait for a thread that has ended
            log.exception("the engine gives up")
            self.abandon()

    def _has_work(self) -> bool:
        """Wait for work. False when the engine is stopping and nothing is in flight."""
        with self._condition:
            self._condition.wait_for(lambda: self._rows or self._waiting or self._stopping)
            if self._stopping:
                for row in self._waiting.remove(lambda _: True):
                    self._passes.end(row, NoReplica())
            return bool(self._rows or self._waiting)

    def step(self) -> None:
        self._drop_cancelled_and_expired()
        self._admit()
        self._passes.prefill()
        self._passes.decode()
        self._metrics.record_state(self._model, self._rows, len(self._waiting))

    def _drop_cancelled_and_expired(self) -> None:
        now = time.monotonic()

        def is_over(row: Sequence) -> bool:
            return row.job.cancelled or now > row.job.deadline

        def end(row: Sequence) -> None:
            self._passes.end(row, DeadlineExceeded() if now > row.job.deadline else None)

        with self._condition:
            dropped = self._waiting.remove(is_over)
        for row in dropped:
            end(row)
        for row in [row for row in self._rows if is_over(row)]:
            end(row)
            self._rows.remove(row)

    def _admit(self) -> None:
        """Give free slots to waiting questions."""
        now = time.monotonic()
        while self._passes.has_room:
            with self._condition:
                row = self._waiting.pop_next(now)
            if row is None:
                return
            self._metrics.wait_s.observe(now - row.arrived_at)
            self._metrics.known_tokens.inc(self._rows.add(row))

    def _put_back(self, row: Sequence) -> None:
        with self._condition:
            self._waiting.put_back(row)

    def _begin_anew(self) -> None:
        """After a step that failed. Raises what the device raises if it is lost, or RuntimeError
        after too many such steps."""
        self._failed_steps += 1
        if self._failed_steps > MAX_FAILED_STEPS:
            raise RuntimeError("too many steps failed one after the other")
        self._passes.fail_all()
        time.sleep(FAILED_STEP_PAUSE_S)
