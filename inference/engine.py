"""In-flight batching: one thread owns the model and runs it step by step. Questions join and leave
between steps, so that none waits for the longest answer of a batch."""

import logging
import threading
import time
from collections.abc import AsyncGenerator

from contract.errors import (
    DeadlineExceeded,
    InternalError,
    NoReplica,
    Overloaded,
    ShopsightError,
)
from contract.response import Delta, Finished
from inference.job import Job, named
from inference.model.model import Model
from inference.model.tensors import Logits, OutOfMemory
from inference.rows import RowLimit, Rows
from inference.sequence import Sequence
from inference.telemetry import Metrics
from inference.waiting_queue import WaitingQueue

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
        self._prefill_tokens = prefill_tokens
        self._waiting: WaitingQueue[Sequence] = WaitingQueue(queue_limit)
        self._condition = threading.Condition()  # guards _waiting and _stopping
        self._stopping = False
        self._rows = Rows(model.network)
        self._row_limit = RowLimit(model.network.cache.slots)
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
            self._end(row, NoReplica())

    async def answer(self, job: Job) -> AsyncGenerator[Delta | Finished]:
        """The pieces of the answer. When the caller closes the iterator, the next step frees the
        slot. Raises Overloaded or NoReplica at once; later DeadlineExceeded, InternalError,
        or NoReplica where the device is lost."""
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
                    self._fail_all()
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
                    self._end(row, NoReplica())
            return bool(self._rows or self._waiting)

    def step(self) -> None:
        self._drop_cancelled_and_expired()
        self._admit()
        self._prefill()
        self._decode()
        self._metrics.record_state(self._model, self._rows, len(self._waiting))

    def _drop_cancelled_and_expired(self) -> None:
        now = time.monotonic()

        def is_over(row: Sequence) -> bool:
            return row.job.cancelled or now > row.job.deadline

        def end(row: Sequence) -> None:
            self._end(row, DeadlineExceeded() if now > row.job.deadline else None)

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
        while len(self._rows) < self._row_limit.value:
            with self._condition:
                row = self._waiting.pop_next(now)
            if row is None:
                return
            self._metrics.wait_s.observe(now - row.arrived_at)
            self._rows.prefilling.append(row)

    def _prefill(self) -> None:
        """One pass over prompts."""
        rows, width = self._rows.next_prefill(self._prefill_tokens)
        if rows:
            self._forward(rows, width)

    def _decode(self) -> None:
        """One more token for every answer in decode."""
        if self._rows.decoding:
            self._forward(list(self._rows.decoding), 1)

    def _forward(self, rows: list[Sequence], width: int) -> None:
        """One pass over adjacent rows, at most `width` tokens each. Rows whose tokens are then all
        in the cache get their next token. Raises DeviceLost."""
        first = self._rows.place(rows[0])
        inputs = [row.next_input(width) for row in rows]
        try:
            logits = self._model.network.forward(first, inputs).cpu()
        except OutOfMemory:
            self._shrink_batch()
            return
        except Exception:
            log.exception("a pass of %d rows failed", len(rows))
            self._model.network.check_device()
            if len(rows) == 1:
                self._end(rows[0], InternalError())
                self._rows.remove(rows[0])
            else:  # each alone, so that only the faulty question fails
                for row in rows:
                    self._forward([row], width)
            return
        kind = "completion" if rows[0] in self._rows.decoding else "prompt"
        self._metrics.record_pass(kind, len(rows), sum(len(item.ids) for item in inputs))
        self._row_limit.record_pass()
        for row, item in zip(rows, inputs, strict=True):
            row.cached_tokens += len(item.ids)
            if row.uncached_tokens == 0 and row in self._rows.prefilling:
                self._rows.begin_decode(row)
        self._sample([row for row in rows if row.uncached_tokens == 0], logits)

    def _sample(self, rows: list[Sequence], logits: Logits) -> None:
        """The next token of each row; `logits` [rows, vocabulary]."""
        likeliest = logits.argmax(-1).tolist()
        for index, row in enumerate(rows):
            try:
                greedy = row.sampler.argmax_suffices
                token_id = likeliest[index] if greedy else row.sampler.sample(logits[index])
                if row.first_token_at is None:
                    row.first_token_at = time.monotonic()
                    self._metrics.ttft_s.observe(row.first_token_at - row.arrived_at)
                ended = row.add_token(token_id, logits[index])
            except Exception as error:
                self._end(row, named(error))
                self._rows.remove(row)
                continue
            if ended:
                self._end(row, None)
                self._rows.remove(row)

    def _shrink_batch(self) -> None:
        """Out of memory: the newest row waits again. It keeps its answer so far."""
        self._model.network.release_memory()
        rows = list(self._rows)
        newest = max(rows, key=lambda row: row.arrived_at)
        self._row_limit.shrink(len(rows))
        log.warning("out of memory with %d rows", len(rows))
        if len(rows) == 1:
            self._end(newest, Overloaded())
            self._rows.remove(newest)
            return
        try:
            self._rows.remove(newest)
        finally:  # where the device fails at that, the question is among those that are ended
            newest.cached_tokens = 0
            with self._condition:
                self._waiting.put_back(newest)

    def _fail_all(self) -> None:
        """After a step that failed: begin anew with an empty cache, and end all rows. Raises what
        the device raises if it is lost, or RuntimeError after too many such steps."""
        self._failed_steps += 1
        if self._failed_steps > MAX_FAILED_STEPS:
            raise RuntimeError("too many steps failed one after the other")
        self._model.network.reset()
        self._model.network.check_device()
        for row in self._rows:
            self._end(row, InternalError())
        self._rows.forget_all()
        time.sleep(FAILED_STEP_PAUSE_S)

    def _end(self, row: Sequence, error: ShopsightError | None) -> None:
        """Send the error, if any, and count the outcome. Called once for each question, before its
        row is removed: the device may fail at that, and nobody is to wait in vain."""
        self._metrics.record_end(row, error)
        if error is not None:
            row.job.send(error)
