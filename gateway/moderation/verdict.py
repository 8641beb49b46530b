"""What moderation says of a text or a photo."""

from dataclasses import dataclass
from typing import Literal

Category = Literal["sexual", "advert", "illegal", "abuse", "self_harm"]
# What the classifier knows. Who might hurt themselves is noticed by rules alone.
LEARNT: tuple[Category, ...] = ("sexual", "advert", "illegal", "abuse")
CATEGORIES: tuple[Category, ...] = (*LEARNT, "self_harm")
Action = Literal["flag", "review", "block"]
_STRENGTH: dict[Action, int] = {"flag": 1, "review": 2, "block": 3}


@dataclass(frozen=True, slots=True)
class Verdict:
    """`action`: `flag` is noted in the log; `review` too, and nobody else is given such an answer;
    `block` is refused. None: nothing was found. `scores`: the surest of each category, 0 to 1."""

    action: Action | None = None
    category: Category | None = None
    scores: tuple[tuple[Category, float], ...] = ()

    @property
    def blocked(self) -> bool:
        return self.action == "block"

    @property
    def shareable(self) -> bool:
        return self.action in (None, "flag")

    def label(self, what: str) -> str | None:
        """For the log: `question:sexual` was blocked, `question:sexual:flag` was not."""
        if self.action is None:
            return None
        return f"{what}:{self.category}" + ("" if self.blocked else f":{self.action}")


NOTHING = Verdict()


def stronger(one: Verdict, other: Verdict) -> Verdict:
    """The verdict with the stronger action, with the scores of both."""
    first, second = _strength(one), _strength(other)
    chosen = other if second > first else one
    scores = dict(one.scores)
    for category, score in other.scores:
        scores[category] = max(score, scores.get(category, 0.0))
    return Verdict(chosen.action, chosen.category, tuple(scores.items()))


def _strength(verdict: Verdict) -> int:
    return _STRENGTH[verdict.action] if verdict.action else 0
