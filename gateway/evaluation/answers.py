"""An answer as it is judged, and as it is kept between two runs: what came of one line at one
revision. Pure."""

from dataclasses import asdict, dataclass
from typing import Any, Self

from gateway.evaluation.lines import TaskName

# Instead of an error's code: what the content rules took out of an answer.
CONTENT_FILTER = "content_filter"


class NoAnswer(ValueError):
    """What a server sent is no answer of Shopsight's."""


@dataclass(frozen=True)
class ModelAnswer:
    """One of `text`, `card` and `score` is there unless `error` is, the code of what went wrong.
    `seconds`: from the request to its answer; None where nobody measured it."""

    text: str | None = None
    card: dict[str, Any] | None = None
    score: float | None = None
    error: str | None = None
    seconds: float | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0

    @classmethod
    def read(cls, task: TaskName, body: Any, seconds: float | None = None) -> Self:
        """The body of a 200. Raises NoAnswer."""
        try:
            usage = body["usage"]
            told: dict[str, Any] = {
                "seconds": seconds,
                "prompt_tokens": int(usage["prompt_tokens"]),
                "completion_tokens": int(usage["completion_tokens"]),
            }
            if task == "ask":
                choice = body["choices"][0]
                reason, value = choice["finish_reason"], {"text": choice["message"]["content"]}
            elif task == "card":
                reason, value = body["finish_reason"], {"card": body["card"]}
            else:
                reason, value = body["finish_reason"], {"score": body["score"]}
        except (LookupError, TypeError, ValueError):
            raise NoAnswer from None
        if reason == "content_filter":
            return cls(error=CONTENT_FILTER, **told)
        _check(task, value)
        return cls(**value, **told)

    def kept(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if value is not None}

    @classmethod
    def of_kept(cls, value: dict[str, Any]) -> Self:
        """Raises TypeError."""
        return cls(**value)

    @property
    def shown(self) -> str:
        """As a person reads it."""
        if self.error is not None:
            return f"[{self.error}]"
        if self.card is not None:
            rows = ((name, self.card[name]) for name in self.card if name != "confidence")
            return "\n".join(f"{name}: {_plain(value)}" for name, value in rows)
        if self.text is not None:
            return self.text
        return "–" if self.score is None else f"{self.score:.2f}"


def values_of(told: Any) -> list[str]:
    """A field of a card as a list of texts, whatever a server put there."""
    if told is None:
        return []
    return [str(value) for value in told] if isinstance(told, list) else [str(told)]


def _plain(value: Any) -> str:
    return ", ".join(values_of(value)) or "–"


def _check(task: TaskName, value: dict[str, Any]) -> None:
    (told,) = value.values()
    fits = {
        "ask": isinstance(told, str),
        "card": isinstance(told, dict),
        "match": told is None or isinstance(told, int | float),
    }[task]
    if not fits:
        raise NoAnswer
