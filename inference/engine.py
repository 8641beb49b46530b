"""One thread owns the model and answers one question at a time; the event loop only waits. The
serial engine: simple enough to be the reference for any faster one."""

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

from contract.errors import DeadlineExceeded, InternalError, NoReplica, Overloaded, ShopsightError
from contract.request import Sampling
from contract.response import Delta, Finished, FinishReason, Usage
from inference.detokenizer import Detokenizer
from inference.model import Model, Prompt
from inference.telemetry import Metrics

log = logging.getLogger(__name__)

Item = Delta | Finished | ShopsightError


@dataclass(eq=False)
class Job:
    """One question on its way through the engine. `deadline` is in time.monotonic seconds."""

    prompt: Prompt
    sampling: Sampling
    deadline: float
    loop: asyncio.AbstractEventLoop
    arrived: float = field(default_factory=time.monotonic)
    items: asyncio.Queue[Item] = field(default_factory=asyncio.Queue)
    cancelled: bool = False

    def send(self, item: Item) -> None:
        """From the engine thread to whoever awaits the answer."""
        self.loop.call_soon_threadsafe(self.items.put_nowait, item)


class Engine:
    def __init__(self, model: Model, metrics: Metrics, queue_limit: int) -> None:
        self._model = model
        self._metrics = metrics
        self._queue_limit = queue_limit
        self._waiting: deque[Job] = deque()
        self._wake = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Finish what runs, refuse what waits, end the thread."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        self._thread.join(timeout=30)

    async def answer(
        self, prompt: Prompt, sampling: Sampling, deadline: float
    ) -> AsyncGenerator[Delta | Finished]:
        """The answer's pieces and its end. Leaving the iterator frees the engine at the next token.
        Raises Overloaded at once, DeadlineExceeded or InternalError when it comes to that."""
        job = Job(prompt, sampling, deadline, asyncio.get_running_loop())
        with self._wake:
            if self._stopping:
                raise NoReplica
            if len(self._waiting) >= self._queue_limit:
                self._metrics.requests.labels("overloaded").inc()
                raise Overloaded
            self._waiting.append(job)
            self._metrics.queue_depth.set(len(self._waiting))
            self._wake.notify()
        try:
            while True:
                item = await job.items.get()
                if isinstance(item, ShopsightError):
                    raise item
                yield item
                if isinstance(item, Finished):
                    return
        finally:
            job.cancelled = True

    def _run(self) -> None:
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._waiting or self._stopping)
                if self._stopping:
                    for job in self._waiting:
                        job.send(NoReplica())
                    return
                job = self._waiting.popleft()
                self._metrics.queue_depth.set(len(self._waiting))
            self._metrics.wait_s.observe(time.monotonic() - job.arrived)
            try:
                outcome = self._step(job)
            except ShopsightError as error:
                outcome = error.code
                job.send(error)
            except Exception:  # a question that breaks fails alone
                log.exception("generation failed")
                outcome = InternalError.code
                job.send(InternalError())
            self._metrics.requests.labels(outcome).inc()

    def _step(self, job: Job) -> str:
        """Answer one job to its end; returns the outcome for the metrics."""
        text = Detokenizer(self._model.bytes_of, job.sampling.stop)
        produced = 0
        reason: FinishReason = "length"

        def on_token(token_id: int) -> None:
            nonlocal produced, reason
            produced += 1
            if produced == 1:
                self._metrics.ttft_s.observe(time.monotonic() - job.arrived)
            if self._model.ends(token_id):
                reason = "stop"
            elif piece := text.push(token_id):
                job.send(Delta(piece))

        def should_stop() -> bool:
            return text.stopped or job.cancelled or time.monotonic() > job.deadline

        if not should_stop():
            self._model.generate(job.prompt, job.sampling, on_token, should_stop)
        self._metrics.tokens.labels("prompt").inc(job.prompt.tokens)
        self._metrics.tokens.labels("completion").inc(produced)
        if job.cancelled:
            return "cancelled"
        if text.stopped:
            reason = "stop"
        elif reason != "stop" and produced < job.sampling.max_tokens:
            raise DeadlineExceeded
        if rest := text.flush():
            job.send(Delta(rest))
        job.send(Finished(reason, Usage(job.prompt.tokens, produced)))
        return "answered"
