"""What a model wrote, read as a card or as a score. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from contract.errors import ReplicaFailed
from contract.products.calibration import Calibration
from contract.products.card import CARD_FIELDS, ProductCard, not_visible, read_card
from contract.products.confidence import field_probabilities
from contract.products.match import match_score
from contract.response import Delta, Finished


@dataclass(frozen=True)
class CardAnswer:
    """`card`: None where the answer was blocked. `confidence`: how likely each field is right, in
    [0, 1]; None where the server told no probabilities of its tokens."""

    card: ProductCard | None
    confidence: Mapping[str, float | None]

    def wire(self) -> dict[str, Any] | None:
        if self.card is None:
            return None
        shown = self.card.model_dump(include=set(CARD_FIELDS))
        shown["not_visible"] = not_visible(self.card.not_visible)
        return {**shown, "confidence": dict(self.confidence)}


@dataclass(frozen=True)
class MatchAnswer:
    """`score` in [0, 1]; None where neither yes nor no was likely, and where it was blocked."""

    score: float | None


def card_answer(answer: Delta, end: Finished, calibration: Calibration) -> CardAnswer:
    """Raises ReplicaFailed for what is no whole card, as when it was cut by its length."""
    if end.reason == "content_filter":
        return CardAnswer(None, {})
    card = read_card(answer.text)
    likely = field_confidence(answer, calibration)
    return CardAnswer(card, {name: likely.get(name) for name in CARD_FIELDS})


def field_confidence(written: Delta, calibration: Calibration) -> dict[str, float]:
    """How likely each field is right whose tokens have come, in [0, 1]."""
    likely = field_probabilities(written.text, written.logprobs)
    return {name: round(calibration.of_field(name, p), 4) for name, p in likely.items()}


def match_answer(answer: Delta, end: Finished, calibration: Calibration) -> MatchAnswer:
    """Of the first token of the answer. Raises ReplicaFailed where a server told none."""
    if end.reason == "content_filter":
        return MatchAnswer(None)
    if not answer.logprobs:
        raise ReplicaFailed
    likeliest = answer.logprobs[0].top or answer.logprobs[:1]
    score = match_score(
        (token.data.decode("utf-8", "replace"), token.logprob) for token in likeliest
    )
    return MatchAnswer(None if score is None else round(calibration.of_match(score), 4))
