"""In-flight batching: one thread owns the model and runs it step by step. Questions join and leave
between steps, so that none waits for the longest answer of a batch."""

import logging
import threading
import time
from collections.abc import AsyncGenerator

from contract.errors import DeadlineExceeded, InternalError, NoReplica, Overloaded
from contract.response import Delta, Finished
from contract.wire import NOT_BEGUN_HEADER
from inference.batching.admission import Admission
from inference.batching.job import Job
from inference.batching.lane import LaneLimits, LaneTime
from inference.batching.passes import Passes
from inference.batching.sequence import Sequence
from inference.model.model import Model
from inference.model.tensors import OutOfMemory
from inference.telemetry import Metrics

log = logging.getLogger(__name__)

# So many steps that fail one after the other, with a pause after each: then the engine gives up.
MAX_FAILED_STEPS, FAILED_STEP_PAUSE_S = 10, 0.05
# So many that ran out of memory cost nobody's answer.
MAX_STEPS_WITHOUT_MEMORY = 5


def not_begun() -> NoReplica:
    """Of a replica that is about to end: the question cannot be what ends it, and may go on."""
    refusal = NoReplica()
    refusal.headers = {NOT_BEGUN_HEADER: "1"}
    return refusal


class Engine:
    def __init__(
        self,
        model: Model,
        metrics: Metrics,
        *,
        queue_limit: int,
        prefill_tokens: int,
        lane: LaneLimits = LaneLimits(),  # noqa: B008 - it is frozen
    ) -> None:
        """`prefill_tokens`: at most so many prompt tokens a step, or what takes as long. `lane`:
        what the batch lane may have."""
        self._model = model
        self._metrics = metrics
        self._prefill_tokens = prefill_tokens
        self._lane_prefill_tokens = lane.prefill_tokens
        self._lane_time = LaneTime(lane.share)
        self._waiting = Admission(queue_limit, lane, metrics)
        self._condition = threading.Condition()  # guards _stopping, and what comes into _waiting
        self._stopping = self._lane_closed = False
        self._passes = Passes(model, metrics, self._waiting.put_back)
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

    def close_lane(self) -> None:
        """Refuse the lane's questions that wait and have not begun, and those that come. All others
        are answered."""
        with self._condition:
            self._lane_closed = True
            rows = self._waiting.remove(lambda row: row.in_lane and not row.has_begun)
        for row in rows:
            self._passes.end(row, not_begun())

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

    def submit(self, job: Job) -> None:
        """Take a question, whose answer is then sent to its job. Raises Overloaded, BatchLaneFull
        or NoReplica."""
        row = Sequence(job, self._model.bytes_of, self._model.is_end_token)
        with self._condition:
            try:
                if self._stopping or (self._lane_closed and row.in_lane):
                    raise not_begun()
                self._waiting.add(row)
            except (NoReplica, Overloaded) as refusal:
                self._metrics.requests.labels(refusal.code).inc()
                raise
            self._condition.notify()

    async def answer(self, job: Job) -> AsyncGenerator[Delta | Finished]:
        """The pieces of the answer. When the caller closes the iterator, the next step frees the
        slot. Raises what `submit` raises at once; later DeadlineExceeded, InternalError,
        ReplicaFailed where the model computed no number, NoReplica where the device is lost."""
        self.submit(job)
        async for piece in job.pieces():
            yield piece

    def _run(self) -> None:
        try:
            while not self.has_failed and self._has_work():
                self._step_began_at = time.monotonic()
                try:
                    self.step()
                    self._failed_steps = 0
                except Exception as error:
                    fields = {"request_ids": [row.job.request_id for row in self._rows]}
                    log.exception("step failed", extra={"fields": fields})
                    self._begin_anew(error)
                self._step_began_at = None
        except BaseException:  # whatever it is: nobody may wait for a thread that has ended
            log.exception("the engine gives up")
            self.abandon()

    def _has_work(self) -> bool:
        """Wait for work. False when the engine is stopping and nothing is in flight."""
        with self._condition:
            self._condition.wait_for(lambda: self._is_busy or self._stopping)
            if self._stopping:
                for row in self._waiting.remove(lambda _: True):
                    self._passes.end(row, NoReplica() if row.has_begun else not_begun())
            return self._is_busy

    @property
    def _is_busy(self) -> bool:
        return bool(self._rows or self._waiting)

    def step(self) -> None:
        self._drop_cancelled_and_expired()
        self._waiting.admit(self._passes)
        self._pass()
        self._metrics.record_state(self._model, self._rows, self._waiting)

    def _drop_cancelled_and_expired(self) -> None:
        now = time.monotonic()

        def is_over(row: Sequence) -> bool:
            return row.job.cancelled or now > row.job.deadline

        def end(row: Sequence) -> None:
            self._passes.end(row, DeadlineExceeded() if now > row.job.deadline else None)

        for row in self._waiting.remove(is_over):
            end(row)
        for row in [row for row in self._rows if is_over(row)]:
            end(row)
            self._rows.remove(row)

    @property
    def _shoppers(self) -> bool:
        """Whether any is in flight or waits."""
        return bool(self._rows.shoppers or self._waiting.shoppers_waiting)

    def _pass(self) -> None:
        """A pass over all answers, or over shoppers' alone while the lane has to pause, and over
        prompts: shoppers', or, where they have none, a shorter part of the lane's."""
        shoppers = self._shoppers
        may_run = self._lane_time.may_run(shoppers)
        answers = len(self._rows.decoding) if may_run else self._rows.shoppers_decoding
        prompts = self._prefill_tokens
        if self._rows.prefilling and self._rows.prefilling[0].in_lane:
            prompts = self._lane_prefill_tokens if may_run else 0
        step = self._rows.plan(answers, prompts)
        if step.is_empty:
            return
        lane_answers = sum(row.in_lane for row, _ in step.reads[:answers])
        began_at = time.monotonic()
        self._passes.run(step)
        took_s = time.monotonic() - began_at
        if len(step.reads) == answers and not step.looks:
            self._lane_time.record_decode(took_s, answers, lane_answers, shoppers)
        else:
            self._lane_time.record(took_s, took_s * step.lane_share, shoppers)

    def _begin_anew(self, error: Exception) -> None:
        """After a step that failed. Raises what the device raises if it is lost, or RuntimeError
        after too many such steps."""
        self._failed_steps += 1
        if self._failed_steps > MAX_FAILED_STEPS:
            raise RuntimeError("too many steps failed one after the other")
        if not isinstance(error, OutOfMemory):
            self._passes.fail_all(InternalError())
        elif self._failed_steps <= MAX_STEPS_WITHOUT_MEMORY:
            self._passes.put_all_back()
        else:
            self._passes.fail_all(Overloaded())
        self._metrics.record_state(self._model, self._rows, self._waiting)
        time.sleep(FAILED_STEP_PAUSE_S)
