"""The answer as it travels: OpenAI's completion and chunk objects, and the short form."""

import hashlib
import time
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal

FinishReason = Literal["stop", "length", "content_filter"]


@dataclass(frozen=True)
class Usage:
    prompt_tokens: int = 0
    completion_tokens: int = 0

    def wire(self) -> dict[str, int]:
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "total_tokens": self.prompt_tokens + self.completion_tokens,
        }


@dataclass(frozen=True)
class TokenLogprob:
    """A token as its UTF-8 bytes (a part of a character, perhaps), its natural-log probability, and
    the likeliest at its place."""

    data: bytes
    logprob: float
    top: tuple["TokenLogprob", ...] = ()

    def wire(self) -> dict[str, Any]:
        own = {
            "token": self.data.decode("utf-8", "replace"),
            "logprob": self.logprob,
            "bytes": list(self.data),
        }
        return {**own, "top_logprobs": [other.wire() for other in self.top]}

    @classmethod
    def read(cls, value: dict[str, Any]) -> "TokenLogprob":
        """From OpenAI's form; raises LookupError or TypeError."""
        top = tuple(cls.read(other) for other in value.get("top_logprobs", ()))
        data = value["bytes"]
        if data is None:
            data = value["token"].encode()
        elif not isinstance(data, list):  # of a number, `bytes` makes so many
            raise TypeError("bytes are no list")
        return cls(bytes(data), value["logprob"], top)


@dataclass(frozen=True)
class Delta:
    """A piece of the answer, in order; whole characters only. `logprobs` of the tokens since the
    last piece, where they were asked for."""

    text: str
    logprobs: tuple[TokenLogprob, ...] = ()


@dataclass(frozen=True)
class Finished:
    """The end of an answer. Without it an answer is incomplete and must not be kept. `replica`:
    which one computed it, where a gateway knows. `moderation`: what was found in its text."""

    reason: FinishReason
    usage: Usage = Usage()
    replica: str | None = None
    moderation: str | None = None


@lru_cache(maxsize=64)  # a pool serves one revision or two
def fingerprint(revision: str) -> str:
    """OpenAI's name for what, with a seed, answers alike."""
    return "fp_" + hashlib.sha256(revision.encode()).hexdigest()[:12]


@dataclass(frozen=True)
class AnswerFrame:
    """What every chunk and the whole answer carry: ids, who answers, and since when (Unix seconds).
    `counts_tokens`: a stream ends with its usage, and says before that it will."""

    id: str
    model: str
    model_revision: str
    created: int = field(default_factory=lambda: int(time.time()))
    counts_tokens: bool = False

    def whole(self, answer: Delta, end: Finished) -> dict[str, Any]:
        message = {"role": "assistant", "content": answer.text, "refusal": None}
        logprobs = _logprobs(answer)
        choice = {"index": 0, "message": message, "finish_reason": end.reason, "logprobs": logprobs}
        return {**self._object("chat.completion", [choice]), "usage": end.usage.wire()}

    def short(self, text: str, end: Finished) -> dict[str, Any]:
        return {
            "text": text,
            "id": self.id,
            "model": self.model,
            "model_revision": self.model_revision,
            "finish_reason": end.reason,
            "usage": end.usage.wire(),
        }

    def opening_chunk(self) -> dict[str, Any]:
        return self._chunk({"role": "assistant", "content": "", "refusal": None})

    def chunk(self, delta: Delta) -> dict[str, Any]:
        return self._chunk({"content": delta.text}, logprobs=_logprobs(delta))

    def closing_chunk(self, end: Finished) -> dict[str, Any]:
        return self._chunk({}, end.reason)

    def usage_chunk(self, end: Finished) -> dict[str, Any]:
        return {**self._object("chat.completion.chunk", []), "usage": end.usage.wire()}

    def _chunk(
        self,
        delta: dict[str, str | None],
        reason: FinishReason | None = None,
        logprobs: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "finish_reason": reason, "logprobs": logprobs}
        chunk = self._object("chat.completion.chunk", [choice])
        return {**chunk, "usage": None} if self.counts_tokens else chunk

    def _object(self, kind: str, choices: list[dict[str, Any]]) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": kind,
            "created": self.created,
            "model": self.model,
            "model_revision": self.model_revision,
            "system_fingerprint": fingerprint(self.model_revision),
            "choices": choices,
        }


def _logprobs(piece: Delta) -> dict[str, Any] | None:
    if not piece.logprobs:
        return None
    return {"content": [token.wire() for token in piece.logprobs], "refusal": None}
