"""One row of the batch: the tokens of a prompt and of its answer so far, and the answer's text."""

from collections import deque
from collections.abc import Callable

from contract.response import Delta, Finished, FinishReason, TokenLogprob, Usage
from inference.batching.job import Job
from inference.detokenizer import Detokenizer
from inference.model.choosing.sampler import Sampler
from inference.model.network import RowInput
from inference.model.prompts import Photo


class Sequence:
    def __init__(
        self, job: Job, bytes_of: Callable[[int], bytes], is_end_token: Callable[[int], bool]
    ) -> None:
        self.job = job
        self.priority = job.priority
        self.in_lane = job.priority == "batch"
        self.arrived_at = job.arrived_at
        self.photo_key = " ".join(photo.key for photo in job.prompt.photos)
        self.has_begun = False
        """It is, or was, in flight."""
        self.first_token_at: float | None = None
        self.cached_tokens = 0
        """How many of the tokens are in the KV cache."""
        self._reached_tokens = 0
        """How many were there before the row had to wait again."""
        self.known_tokens = 0
        """How many of them came from a prompt that was read before."""
        self.sampler = Sampler(job.sampling, job.prompt.ids, job.grammar)
        self._tokens = list(job.prompt.ids)
        self._is_end_token = is_end_token
        self._detokenizer = Detokenizer(bytes_of, job.sampling.stop)
        self._unsent_logprobs: deque[tuple[int, TokenLogprob]] = deque()
        """Each with the index of the character at which its token begins."""
        self._sent_chars = 0

    @property
    def uncached_tokens(self) -> int:
        """Tokens that are not yet in the KV cache; 1 during decode."""
        return len(self._tokens) - self.cached_tokens

    @property
    def answer_tokens(self) -> int:
        return len(self._tokens) - len(self.job.prompt.ids)

    @property
    def reads_photo(self) -> bool:
        """Its photos had not all been read when it began: it is the row that reads them."""
        photos = self.job.prompt.photos
        return bool(photos) and self.known_tokens < photos[-1].start + photos[-1].tokens

    @property
    def photo_ahead(self) -> Photo | None:
        """The first photo of which some tokens are not yet in the KV cache."""
        photos = self.job.prompt.photos
        return next((p for p in photos if self.cached_tokens < p.start + p.tokens), None)

    @property
    def readable_tokens(self) -> int:
        """How many can be read once the tower has looked at the photo ahead: those before the next
        photo."""
        ahead = self.photo_ahead
        behind = (p.start for p in self.job.prompt.photos if ahead and p.start > ahead.start)
        return min(next(behind, len(self._tokens)), len(self._tokens)) - self.cached_tokens

    def forget(self) -> None:
        """Nothing of it is in the KV cache any more."""
        self._reached_tokens = max(self._reached_tokens, self.cached_tokens)
        self.cached_tokens = 0

    def read(self, tokens: int) -> dict[str, int]:
        """So many more are in the KV cache. Returns how many of them are of the `prompt` and of the
        answer (`completion`), and how many had been there before (`again`)."""
        start, end = self.cached_tokens, self.cached_tokens + tokens
        self.cached_tokens = end
        first = min(max(start, self._reached_tokens), end)
        answer = max(end - max(first, len(self.job.prompt.ids)), 0)
        return {"again": first - start, "prompt": end - first - answer, "completion": answer}

    def next_input(self, width: int, slot: int) -> RowInput:
        """The next tokens for a pass, at most `width`, which go to this slot of the cache. After
        the last of them the next token is wanted."""
        start = self.cached_tokens
        ids = self._tokens[start : start + width]
        return RowInput(self.job.prompt, ids, start, slot, len(ids) == self.uncached_tokens)

    def add_token(self, token_id: int, logprob: TokenLogprob | None = None) -> bool:
        """Add the next token and send the text that is now certain. True when the answer has
        ended."""
        self._tokens.append(token_id)
        if self._is_end_token(token_id):
            return self._finish("stop")
        if logprob is not None:
            self._unsent_logprobs.append((self._detokenizer.decoded_chars, logprob))
        self._send(self._detokenizer.push(token_id))
        if self._detokenizer.stopped:
            return self._finish("stop")
        if self.answer_tokens >= self.job.sampling.max_tokens:
            return self._finish("length")
        return False

    def _finish(self, reason: FinishReason) -> bool:
        self._send(self._detokenizer.flush(), last=True)
        self.job.send(Finished(reason, Usage(len(self.job.prompt.ids), self.answer_tokens)))
        return True

    def _send(self, text: str, last: bool = False) -> None:
        """The text with the log-probabilities of its tokens. Those whose text a stop string has cut
        away are never sent."""
        self._sent_chars += len(text)
        all_sent = last and not self._detokenizer.stopped
        logprobs = []
        while self._unsent_logprobs:
            start, logprob = self._unsent_logprobs[0]
            if start >= self._sent_chars and not all_sent:
                break
            logprobs.append(logprob)
            self._unsent_logprobs.popleft()
        if text or logprobs:
            self.job.send(Delta(text, tuple(logprobs)))
