"""In-flight batching: one thread owns the model and runs it step by step. Questions join and leave
between steps, so that none waits for the longest answer of a batch."""

import logging
import threading
import time
from collections.abc import AsyncGenerator

from contract.errors import DeadlineExceeded, InternalError, NoReplica, Overloaded, ShopsightError
from contract.response import Delta, Finished
from inference.job import Job, named
from inference.model.model import Model
from inference.model.tensors import Logits, OutOfMemory
from inference.sequence import Sequence
from inference.telemetry import Metrics
from inference.waiting_queue import WaitingQueue

log = logging.getLogger(__name__)

# After running out of memory the batch is smaller. After so many good passes it may grow by a row.
RECOVERY_PASSES = 200


class Engine:
    """The KV cache holds the rows in decode first, then those in prefill, in the order of the two
    lists. Of the rows in prefill only the first can have tokens in the cache."""

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
        self._decoding: list[Sequence] = []
        self._prefilling: list[Sequence] = []
        self._max_rows = model.network.cache.slots
        self._passes_since_oom = 0
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Finish what is in flight, refuse what waits, end the thread."""
        with self._condition:
            self._stopping = True
            self._condition.notify()
        self._thread.join(timeout=60)

    async def answer(self, job: Job) -> AsyncGenerator[Delta | Finished]:
        """The pieces of the answer. When the caller closes the iterator, the next step frees the
        slot. Raises Overloaded or NoReplica at once, DeadlineExceeded or InternalError later."""
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
        while self._has_work():
            try:
                self.step()
            except Exception:
                log.exception("step failed")
                self._fail_all()

    def _has_work(self) -> bool:
        """Wait for work. False when the engine is stopping and nothing is in flight."""
        with self._condition:
            busy = bool(self._decoding or self._prefilling)
            self._condition.wait_for(lambda: busy or self._waiting or self._stopping)
            if self._stopping:
                for row in self._waiting.remove(lambda _: True):
                    self._end(row, NoReplica())
            return bool(busy or self._waiting)

    def step(self) -> None:
        self._drop_cancelled_and_expired()
        self._admit()
        self._prefill()
        self._decode()
        self._recover_max_rows()
        self._update_gauges()

    def _drop_cancelled_and_expired(self) -> None:
        now = time.monotonic()

        def is_over(row: Sequence) -> bool:
            return row.job.cancelled or now > row.job.deadline

        with self._condition:
            dropped = self._waiting.remove(is_over)
        for row in [row for row in self._decoding + self._prefilling if is_over(row)]:
            self._remove(row)
            dropped.append(row)
        for row in dropped:
            self._end(row, None if row.job.cancelled else DeadlineExceeded())

    def _admit(self) -> None:
        """Give free slots to waiting questions."""
        now = time.monotonic()
        while len(self._decoding) + len(self._prefilling) < self._max_rows:
            with self._condition:
                row = self._waiting.pop_next(now)
            if row is None:
                return
            self._metrics.wait_s.observe(now - row.arrived_at)
            self._prefilling.append(row)

    def _prefill(self) -> None:
        """One pass over prompts: several short ones together, or a part of a long one. The limit of
        prefill_tokens bounds how long it delays the answers in decode."""
        if not self._prefilling:
            return
        rows = self._prefilling[:1]
        width = min(rows[0].uncached_tokens, self._prefill_tokens)
        if not rows[0].cached_tokens:
            for row in self._prefilling[1:]:
                wider = max(width, row.uncached_tokens)
                if wider * (len(rows) + 1) > self._prefill_tokens:
                    break
                rows.append(row)
                width = wider
        self._forward(rows, width)

    def _decode(self) -> None:
        """One more token for every answer in decode."""
        if self._decoding:
            self._forward(list(self._decoding), 1)

    def _forward(self, rows: list[Sequence], width: int) -> None:
        """One pass over adjacent rows, at most `width` tokens each. Rows whose tokens are then all
        in the cache get their next token."""
        first = (self._decoding + self._prefilling).index(rows[0])
        inputs = [row.next_input(width) for row in rows]
        try:
            logits = self._model.network.forward(first, inputs).cpu()
        except OutOfMemory:
            self._shrink_batch()
            return
        except Exception:
            log.exception("a pass of %d rows failed", len(rows))
            if len(rows) == 1:
                self._remove(rows[0])
                self._end(rows[0], InternalError())
            else:  # each alone, so that only the faulty question fails
                for row in rows:
                    self._forward([row], width)
            return
        kind = "completion" if rows[0] in self._decoding else "prompt"
        self._metrics.record_pass(kind, len(rows), sum(len(item.ids) for item in inputs))
        self._passes_since_oom += 1
        for row, item in zip(rows, inputs, strict=True):
            row.cached_tokens += len(item.ids)
            if row.uncached_tokens == 0 and row in self._prefilling:
                self._prefilling.remove(row)
                self._decoding.append(row)
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
                self._remove(row)
                self._end(row, named(error))
                continue
            if ended:
                self._remove(row)
                self._end(row, None)

    def _remove(self, row: Sequence) -> None:
        """Take a row out, and move rows of the cache so that no gap is left."""
        if row in self._prefilling:  # no row behind it has tokens in the cache
            self._prefilling.remove(row)
            return
        gap = self._decoding.index(row)
        last = self._decoding.pop()
        cache = self._model.network.cache
        if last is not row:
            self._decoding[gap] = last
            cache.move(len(self._decoding), gap, last.cached_tokens)
        if self._prefilling and self._prefilling[0].cached_tokens:
            target = len(self._decoding)
            cache.move(target + 1, target, self._prefilling[0].cached_tokens)

    def _shrink_batch(self) -> None:
        """Out of memory: the newest row waits again. It keeps its answer so far."""
        rows = self._decoding + self._prefilling
        newest = max(rows, key=lambda row: row.arrived_at)
        self._remove(newest)
        self._model.network.release_memory()
        self._max_rows, self._passes_since_oom = max(1, len(rows) - 1), 0
        log.warning("out of memory with %d rows", len(rows))
        if len(rows) == 1:
            self._end(newest, Overloaded())
            return
        newest.cached_tokens = 0
        with self._condition:
            self._waiting.put_back(newest)

    def _recover_max_rows(self) -> None:
        slots = self._model.network.cache.slots
        if self._passes_since_oom >= RECOVERY_PASSES and self._max_rows < slots:
            self._max_rows, self._passes_since_oom = self._max_rows + 1, 0

    def _fail_all(self) -> None:
        for row in self._decoding + self._prefilling:
            self._end(row, InternalError())
        self._decoding.clear()
        self._prefilling.clear()
        self._model.network.reset()

    def _end(self, row: Sequence, error: ShopsightError | None) -> None:
        """Send the error, if any, and count the outcome. Called exactly once for each question."""
        outcome = error.code if error else "cancelled" if row.job.cancelled else "answered"
        if row.first_token_at is not None and row.answer_tokens > 1:
            spent_s = time.monotonic() - row.first_token_at
            self._metrics.token_s.observe(spent_s / (row.answer_tokens - 1))
        if error is not None:
            row.job.send(error)
        self._metrics.requests.labels(outcome).inc()

    def _update_gauges(self) -> None:
        rows = self._decoding + self._prefilling
        self._metrics.queue_depth.set(len(self._waiting))
        self._metrics.slots_used.set(len(rows))
        tokens = sum(row.cached_tokens for row in rows)
        self._metrics.kv_bytes.set(tokens * self._model.facts.kv_bytes_per_token)
        vision_cache = self._model.network.vision
        self._metrics.vision_bytes.set(vision_cache.bytes)
        for result, count in zip(("hit", "miss"), vision_cache.pop_counts(), strict=True):
            self._metrics.vision_lookups.labels(result).inc(count)
