"""Answers one question at a time with transformers' own `generate`, without log-probabilities. The
in-flight engine must give the same tokens, and is measured against it."""

import queue
import threading
import time
from collections.abc import AsyncGenerator

from contract.errors import DeadlineExceeded, InternalError, ShopsightError
from contract.response import Delta, Finished
from inference.batching.job import Job
from inference.batching.sequence import Sequence
from inference.model.model import Model


class SerialEngine:
    def __init__(self, model: Model) -> None:
        self._model = model
        self._waiting: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="serial engine", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._waiting.put(None)
        self._thread.join(timeout=60)

    async def answer(self, job: Job) -> AsyncGenerator[Delta | Finished]:
        self._waiting.put(job)
        async for piece in job.pieces():
            yield piece

    def _run(self) -> None:
        while (job := self._waiting.get()) is not None:
            try:
                self._answer(job)
            except ShopsightError as error:
                job.send(error)
            except Exception:
                job.send(InternalError())

    def _answer(self, job: Job) -> None:
        row = Sequence(job, self._model.bytes_of, self._model.is_end_token)
        ended = False

        def on_token(token_id: int) -> None:
            nonlocal ended
            ended = ended or row.add_token(token_id)

        def should_stop() -> bool:
            return ended or job.cancelled or time.monotonic() > job.deadline

        if not should_stop():
            self._model.generate(job.prompt, job.sampling, job.grammar, on_token, should_stop)
        if not ended and not job.cancelled:
            raise DeadlineExceeded
