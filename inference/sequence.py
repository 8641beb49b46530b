"""One row of the batch: the tokens of a question and of its answer so far, and their text."""

from collections.abc import Callable

from contract.response import Delta, Finished, FinishReason, TokenLogprob, Usage
from inference.detokenizer import Detokenizer
from inference.job import Job
from inference.model import Logits
from inference.model.network import Extension
from inference.model.sampler import Sampler


class Sequence:
    def __init__(
        self, job: Job, bytes_of: Callable[[int], bytes], ends: Callable[[int], bool]
    ) -> None:
        self.job = job
        self.priority = job.priority
        self.arrived = job.arrived
        self.first_token_at: float | None = None
        self.filled = 0
        """How many of the tokens are in the cache."""
        self.sampler = Sampler(job.sampling, job.prompt.ids, job.grammar)
        self._tokens = list(job.prompt.ids)
        self._bytes_of = bytes_of
        self._ends = ends
        self._text = Detokenizer(bytes_of, job.sampling.stop)
        self._logprobs: list[TokenLogprob] = []

    @property
    def remaining(self) -> int:
        """Tokens that passes still have to put into the cache; 1 while the answer grows."""
        return len(self._tokens) - self.filled

    @property
    def produced(self) -> int:
        return len(self._tokens) - len(self.job.prompt.ids)

    def extension(self, width: int) -> Extension:
        return Extension(
            self.job.prompt, self._tokens[self.filled : self.filled + width], self.filled
        )

    def accept(self, token_id: int, logits: Logits) -> bool:
        """Take the next token and send what it makes certain; true when the answer has ended."""
        self._tokens.append(token_id)
        if self._ends(token_id):
            return self._finish("stop")
        logprob = self.sampler.logprob(logits, token_id, self._bytes_of)
        if logprob is not None:
            self._logprobs.append(logprob)
        self._send(self._text.push(token_id))
        if self._text.stopped:
            return self._finish("stop")
        if self.produced >= self.job.sampling.max_tokens:
            return self._finish("length")
        return False

    def _finish(self, reason: FinishReason) -> bool:
        self._send(self._text.flush(), last=True)
        self.job.send(Finished(reason, Usage(len(self.job.prompt.ids), self.produced)))
        return True

    def _send(self, text: str, last: bool = False) -> None:
        if text or (last and self._logprobs):
            self.job.send(Delta(text, tuple(self._logprobs)))
            self._logprobs.clear()
