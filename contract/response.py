"""The answer as it travels: OpenAI's completion and chunk objects, and the short form."""

import time
from dataclasses import dataclass
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
class Delta:
    """A piece of the answer, in order; whole characters only."""

    text: str


@dataclass(frozen=True)
class Finished:
    """The end of an answer. Without it an answer is incomplete and must not be kept."""

    reason: FinishReason
    usage: Usage = Usage()


@dataclass(frozen=True)
class AnswerFrame:
    """What every chunk and the whole answer carry: ids and who answers."""

    id: str
    model: str
    model_revision: str

    def whole(self, text: str, end: Finished) -> dict[str, Any]:
        message = {"role": "assistant", "content": text}
        choice = {"index": 0, "message": message, "finish_reason": end.reason, "logprobs": None}
        return self._object("chat.completion", [choice], end.usage)

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
        return self._chunk({"role": "assistant", "content": ""}, None)

    def chunk(self, delta: Delta) -> dict[str, Any]:
        return self._chunk({"content": delta.text}, None)

    def closing_chunk(self, end: Finished) -> dict[str, Any]:
        return self._chunk({}, end.reason)

    def usage_chunk(self, end: Finished) -> dict[str, Any]:
        return self._object("chat.completion.chunk", [], end.usage)

    def _chunk(self, delta: dict[str, str], reason: FinishReason | None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "finish_reason": reason, "logprobs": None}
        return self._object("chat.completion.chunk", [choice])

    def _object(
        self, kind: str, choices: list[dict[str, Any]], usage: Usage | None = None
    ) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": kind,
            "created": int(time.time()),
            "model": self.model,
            "model_revision": self.model_revision,
            "choices": choices,
            **({"usage": usage.wire()} if usage else {}),
        }
