"""Forward passes over the rows in flight: what each row is told of them, and what becomes of those
that break."""

import logging
import time
from collections import Counter
from collections.abc import Callable

from contract.errors import InternalError, Overloaded, ReplicaFailed, ShopsightError
from inference.batching.job import named
from inference.batching.rows import RowLimit, Rows, Step
from inference.batching.sequence import Sequence
from inference.model.choosing.chooser import Choice, choose
from inference.model.model import Model
from inference.model.prompts import Prompt
from inference.model.tensors import OutOfMemory
from inference.telemetry import Metrics

log = logging.getLogger(__name__)


class Passes:
    """Only for the engine thread. A question is ended before its row is removed: the device may
    fail at that, and nobody is to wait in vain."""

    def __init__(
        self,
        model: Model,
        metrics: Metrics,
        put_back: Callable[[Sequence], None],
    ) -> None:
        """`put_back`: called with a row that has to wait again."""
        self._model = model
        self._metrics = metrics
        self._put_back = put_back
        self.rows = Rows(model.network)
        self._row_limit = RowLimit(model.network.cache.slots)
        self._lane_prompt: Prompt | None = None

    @property
    def slots(self) -> int:
        """How many rows there may be now."""
        return self._row_limit.value

    @property
    def has_room(self) -> bool:
        return len(self.rows) < self.slots

    def run(self, step: Step) -> None:
        """Photos are looked at, prompts are read, and answers get their next token. Raises
        DeviceLost."""
        if step.looks:
            self._look(step.looks, step.look_tokens)
        self._forward([(row, tokens) for row, tokens in step.reads if self._can_read(row)])

    def preempt(self, row: Sequence, reason: str) -> None:
        """The row waits again. It keeps its answer so far, and is read anew when it comes back."""
        try:
            self.rows.remove(row)
        finally:  # where the device fails at that, the question is among those that are ended
            self._wait_again(row, reason)

    def _wait_again(self, row: Sequence, reason: str) -> None:
        self._metrics.preemptions.labels(reason).inc()
        row.forget()
        self._put_back(row)

    def fail_all(self, error: ShopsightError) -> None:
        """Begin anew with an empty cache, and end all rows. Raises what the device raises."""
        self._model.network.reset()
        self._model.network.check_device()
        for row in self.rows:
            self.end(row, error)
        self.rows.forget_all()

    def put_all_back(self) -> None:
        """Out of memory outside of a pass, as while rows moved: what the cache has of each is not
        known any more. All wait again with their answers so far, the oldest first, and fewer may be
        in flight. Raises what the device raises."""
        network = self._model.network
        network.release_memory()
        network.reset()
        rows = sorted(self.rows, key=lambda row: row.arrived_at, reverse=True)
        self._row_limit.shrink(len(rows))
        self.rows.forget_all()
        for row in rows:
            self._wait_again(row, "memory")

    def end(self, row: Sequence, error: ShopsightError | None) -> None:
        """Send the error, if any, and count the outcome. Called once for each question."""
        self._metrics.record_end(row, error)
        if error is not None:
            row.job.send(error)

    def _can_read(self, row: Sequence) -> bool:
        """The photo may have failed, or taken the memory that the row was to have."""
        photo = row.photo_ahead
        known = photo is None or self._model.network.sight_cost(photo) == 0
        return known and row in self.rows

    def _look(self, rows: list[Sequence], most_tokens: int) -> None:
        photos = [photo for row in rows if (photo := row.photo_ahead) is not None]
        try:
            self._model.network.look(photos, most_tokens)
        except Exception as error:
            for row in self._left_after(error, rows):
                self._look([row], most_tokens)

    def _forward(self, reads: list[tuple[Sequence, int]]) -> None:
        """One pass, in which each of these rows adds at most so many tokens. Rows whose tokens are
        then all in the cache get their next token."""
        if not reads:
            return
        rows = [row for row, _ in reads]
        inputs = [row.next_input(tokens, self.rows.place(row)) for row, tokens in reads]
        done = [row for row, item in zip(rows, inputs, strict=True) if item.wanted]
        try:
            logits = self._model.network.forward(inputs)
            choices = choose(logits, [row.sampler for row in done])
        except Exception as error:
            left = self._left_after(error, rows)
            for row, tokens in reads:
                if row in left and row in self.rows:
                    self._forward([(row, tokens)])
            return
        self._row_limit.record_pass()
        decoding = sum(row in self.rows.decoding for row in rows)
        read: Counter[str] = Counter()
        for row, item in zip(rows, inputs, strict=True):
            read.update(row.read(len(item.ids)))
        self._metrics.record_pass(decoding, len(rows) - decoding, read)
        for row, item in zip(rows, inputs, strict=True):
            if item.wanted and row in self.rows.prefilling:
                self.rows.begin_decode(row)
        self._add_tokens(done, choices)

    def _left_after(self, error: Exception, rows: list[Sequence]) -> list[Sequence]:
        """What these rows did together has failed. Returns those that are to do it again, each
        alone, so that only the faulty question fails. Raises DeviceLost."""
        if isinstance(error, OutOfMemory):
            self._shrink_batch()
            return []
        fields = {"request_ids": [row.job.request_id for row in rows]}
        log.error("a pass of %d rows failed", len(rows), exc_info=error, extra={"fields": fields})
        self._model.network.check_device()
        if len(rows) > 1:
            return rows
        self.end(rows[0], InternalError())
        self.rows.remove(rows[0], spoiled=True)
        return []

    def _add_tokens(self, rows: list[Sequence], choices: list[Choice]) -> None:
        network = self._model.network
        for row, choice in zip(rows, choices, strict=True):
            if choice.error is not None:
                self.end(row, choice.error)
                self.rows.remove(row)
                continue
            if choice.token_id is None:
                self._fail_without_number(row)
                continue
            if row.answer_tokens == 0:
                network.prefixes.keep(row.job.prompt, network.cache, self.rows.place(row))
                if row.in_lane:
                    self._keep_one_photo(row.job.prompt)
            try:
                row.sampler.accept(choice.token_id)
                if row.first_token_at is None:
                    row.first_token_at = time.monotonic()
                    ttft_s = row.first_token_at - row.job.asked_at
                    self._metrics.ttft_s.labels(row.priority).observe(ttft_s)
                ended = row.add_token(choice.token_id, choice.told(self._model.bytes_of))
            except OutOfMemory:  # the device's fault: the row takes this token when it is read anew
                raise
            except Exception as error:
                self.end(row, named(error, row.job))
                self.rows.remove(row)
                continue
            if ended:
                self.end(row, None)
                self.rows.remove(row)

    def _fail_without_number(self, row: Sequence) -> None:
        """The model has computed NaN or infinity: the precision does not hold its weights, or what
        became of the photo. The most likely token would be the first one, "!"."""
        fields = {"request_id": row.job.request_id}
        log.error("the model computed no number for a question", extra={"fields": fields})
        self._metrics.not_finite.inc()
        for photo in row.job.prompt.photos:
            self._model.network.vision.drop(photo.key)
        self.end(row, ReplicaFailed())  # only now: who is told may ask again at once
        self.rows.remove(row, spoiled=True)

    def _shrink_batch(self) -> None:
        """Out of memory: the newest row waits again, one of the batch lane if there is any."""
        self._model.network.release_memory()
        rows = list(self.rows)
        newest = max(rows, key=lambda row: (row.in_lane, row.arrived_at))
        self._row_limit.shrink(len(rows))
        log.warning("out of memory with %d rows", len(rows))
        if len(rows) == 1:
            self.end(newest, Overloaded())
            self.rows.remove(newest)
            return
        self.preempt(newest, "memory")

    def _keep_one_photo(self, prompt: Prompt) -> None:
        """Of the photos that the batch lane has read only the last question's stay: its questions
        come ordered by photo, and shoppers' photos are not to be driven out."""
        last, self._lane_prompt = self._lane_prompt, prompt
        if last is None or last.prefix_key in ("", prompt.prefix_key):
            return
        self._model.network.prefixes.drop(last.prefix_key)
        for key in {photo.key for photo in last.photos} - {photo.key for photo in prompt.photos}:
            self._model.network.vision.drop(key)
