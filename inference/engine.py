"""In-flight batching: one thread owns the model, and each step serves whoever is there. Questions
join and leave between steps; nobody waits for the longest answer of a batch."""

import logging
import threading
import time
from collections.abc import AsyncGenerator

from contract.errors import DeadlineExceeded, InternalError, NoReplica, Overloaded, ShopsightError
from contract.response import Delta, Finished
from inference.job import Job
from inference.model import Logits, OutOfMemory
from inference.model.model import Model
from inference.sequence import Sequence
from inference.telemetry import Metrics
from inference.waiting_queue import WaitingQueue

log = logging.getLogger(__name__)

# Steps without trouble after which a batch that lack of memory has shrunk may grow by one again.
RECOVERY_STEPS = 200


class Engine:
    """Rows of the KV cache: first those that are decoding, then those in prefill, in the order of
    these two lists. Of the latter only the first can be partly read."""

    def __init__(
        self, model: Model, metrics: Metrics, *, queue_limit: int, prefill_tokens: int
    ) -> None:
        self._model = model
        self._metrics = metrics
        self._prefill_tokens = prefill_tokens
        self._waiting: WaitingQueue[Sequence] = WaitingQueue(queue_limit)
        self._wake = threading.Condition()
        self._stopping = False
        self._decoding: list[Sequence] = []
        self._prefilling: list[Sequence] = []
        self._room = model.network.cache.slots
        self._calm_steps = 0
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Finish what is in flight, refuse what waits, end the thread."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        self._thread.join(timeout=60)

    async def answer(self, job: Job) -> AsyncGenerator[Delta | Finished]:
        """The answer's pieces and its end. Leaving the iterator frees the slot in the next step.
        Raises Overloaded at once, DeadlineExceeded or InternalError when it comes to that."""
        row = Sequence(job, self._model.bytes_of, self._model.ends)
        with self._wake:
            if self._stopping:
                raise NoReplica
            if not self._waiting.add(row):
                self._metrics.requests.labels(Overloaded.code).inc()
                raise Overloaded
            self._wake.notify()
        async for event in job.events():
            yield event

    def _run(self) -> None:
        while self._has_work():
            try:
                self.step()
            except Exception:
                log.exception("step failed")
                self._fail_all()

    def _has_work(self) -> bool:
        """Wait until there is something to do; false when told to stop and nothing is left."""
        with self._wake:
            busy = bool(self._decoding or self._prefilling)
            self._wake.wait_for(lambda: busy or self._waiting or self._stopping)
            if self._stopping:
                for row in self._waiting.remove(lambda _: True):
                    self._end(row, NoReplica())
            return bool(busy or self._waiting)

    def step(self) -> None:
        """One turn for everybody."""
        self._sweep()
        self._admit()
        self._prefill()
        self._decode()
        self._measure()

    def _sweep(self) -> None:
        """Let go of who has left and who is out of time."""
        now = time.monotonic()

        def gone(row: Sequence) -> bool:
            return row.job.cancelled or now > row.job.deadline

        with self._wake:
            leaving = self._waiting.remove(gone)
        for row in [row for row in self._decoding + self._prefilling if gone(row)]:
            self._remove(row)
            leaving.append(row)
        for row in leaving:
            self._end(row, None if row.job.cancelled else DeadlineExceeded())

    def _admit(self) -> None:
        """Give free slots to those whose turn it is."""
        now = time.monotonic()
        while len(self._decoding) + len(self._prefilling) < self._room:
            with self._wake:
                row = self._waiting.next(now)
            if row is None:
                return
            self._metrics.wait_s.observe(now - row.arrived)
            self._prefilling.append(row)

    def _prefill(self) -> None:
        """Read prompts, as many tokens as one step may take: several short ones together, a long
        one in parts, so that answers being decoded never wait longer than that."""
        if not self._prefilling:
            return
        group = self._prefilling[:1]
        width = min(group[0].remaining, self._prefill_tokens)
        if not group[0].filled:
            for row in self._prefilling[1:]:
                wider = max(width, row.remaining)
                if wider * (len(group) + 1) > self._prefill_tokens:
                    break
                group.append(row)
                width = wider
        self._extend(group, width)

    def _decode(self) -> None:
        """One more token for every answer being decoded."""
        if self._decoding:
            self._extend(list(self._decoding), 1)

    def _extend(self, group: list[Sequence], width: int) -> None:
        """One pass over neighbouring rows, and the next token of those read to their end."""
        first = (self._decoding + self._prefilling).index(group[0])
        extensions = [row.extension(width) for row in group]
        try:
            logits = self._model.network.extend(first, extensions).cpu()
        except OutOfMemory:
            self._shrink()
            return
        except Exception:
            log.exception("a pass of %d rows failed", len(group))
            if len(group) == 1:  # a question that breaks fails alone
                self._remove(group[0])
                self._end(group[0], InternalError())
            else:
                for row in group:
                    self._extend([row], width)
            return
        kind = "completion" if group[0] in self._decoding else "prompt"
        self._metrics.passed(kind, len(group), sum(len(item.ids) for item in extensions))
        self._calm_steps += 1
        for row, item in zip(group, extensions, strict=True):
            row.filled += len(item.ids)
            if row.remaining == 0 and row in self._prefilling:
                self._prefilling.remove(row)
                self._decoding.append(row)
        self._choose([row for row in group if row.remaining == 0], logits)

    def _choose(self, rows: list[Sequence], logits: Logits) -> None:
        """The next token of each row; `logits` [rows, vocabulary]."""
        likeliest = logits.argmax(-1).tolist()
        for index, row in enumerate(rows):
            try:
                plain = row.sampler.plain
                token_id = likeliest[index] if plain else row.sampler.choose(logits[index])
                if row.first_token_at is None:
                    row.first_token_at = time.monotonic()
                    self._metrics.ttft_s.observe(row.first_token_at - row.arrived)
                ended = row.accept(token_id, logits[index])
            except Exception:
                log.exception("choosing a token failed")
                self._remove(row)
                self._end(row, InternalError())
                continue
            if ended:
                self._remove(row)
                self._end(row, None)

    def _remove(self, row: Sequence) -> None:
        """Take a row out and close the gap in the cache."""
        if row in self._prefilling:  # nothing behind the first is in the cache yet
            self._prefilling.remove(row)
            return
        hole = self._decoding.index(row)
        last = self._decoding.pop()
        cache = self._model.network.cache
        if last is not row:
            self._decoding[hole] = last
            cache.move(len(self._decoding), hole, last.filled)
        if self._prefilling and self._prefilling[0].filled:
            cache.move(len(self._decoding) + 1, len(self._decoding), self._prefilling[0].filled)

    def _shrink(self) -> None:
        """Out of memory: the youngest row waits again, and begins anew with what it has so far."""
        rows = self._decoding + self._prefilling
        youngest = max(rows, key=lambda row: row.arrived)
        self._remove(youngest)
        self._model.network.release()
        self._room, self._calm_steps = max(1, len(rows) - 1), 0
        log.warning("out of memory with %d rows", len(rows))
        if len(rows) == 1:
            self._end(youngest, Overloaded())
            return
        youngest.filled = 0
        with self._wake:
            self._waiting.put_back(youngest)

    def _fail_all(self) -> None:
        for row in self._decoding + self._prefilling:
            self._end(row, InternalError())
        self._decoding.clear()
        self._prefilling.clear()
        self._model.network.reset()

    def _end(self, row: Sequence, error: ShopsightError | None) -> None:
        """Every question ends here, once."""
        outcome = error.code if error else "cancelled" if row.job.cancelled else "answered"
        if row.first_token_at is not None and row.produced > 1:
            spent = time.monotonic() - row.first_token_at
            self._metrics.token_s.observe(spent / (row.produced - 1))
        if error is not None:
            row.job.send(error)
        self._metrics.requests.labels(outcome).inc()

    def _measure(self) -> None:
        network = self._model.network
        self._metrics.queue_depth.set(len(self._waiting))
        self._metrics.slots_used.set(len(self._decoding) + len(self._prefilling))
        tokens = sum(row.filled for row in self._decoding + self._prefilling)
        self._metrics.kv_bytes.set(tokens * self._model.facts.kv_bytes_per_token)
        self._metrics.vision_bytes.set(network.vision.bytes)
        hits, misses = network.vision.pop_counts()
        self._metrics.vision_lookups.labels("hit").inc(hits)
        self._metrics.vision_lookups.labels("miss").inc(misses)
        if self._calm_steps >= RECOVERY_STEPS and self._room < network.cache.slots:
            self._room, self._calm_steps = self._room + 1, 0
