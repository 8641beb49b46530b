"""How likely a text belongs to each category: a logistic regression over features."""

import math
from collections.abc import Collection, Mapping
from pathlib import Path

import marisa_trie
import orjson

from gateway.moderation.verdict import CATEGORIES, Category

FOLDER = Path(__file__).parent
WEIGHTS = FOLDER / "weights.marisa"
CARD = FOLDER / "card.json"
# One signed byte for each category. What is innocent has none: its score is 0.
WEIGHT_FORMAT = f"<{len(CATEGORIES)}b"
# A word or two say little: `刷` is half of many things. Fewer features count as so many.
LEAST_FEATURES = 30


def length_norm(count: int) -> float:
    return 1 / math.sqrt(max(count, LEAST_FEATURES))


class Classifier:
    def __init__(self) -> None:
        self._weights = marisa_trie.RecordTrie(WEIGHT_FORMAT)
        self._weights.load(str(WEIGHTS))
        card = orjson.loads(CARD.read_bytes())
        self._scale: float = card["scale"]
        self._biases: list[float] = card["biases"]
        self.threshold: float = card["threshold"]
        """From this likelihood of a category on what somebody wrote is unwanted."""
        self.answer_threshold: float = card["answer_threshold"]
        """From this likelihood of all categories together on what a model answered is."""

    @staticmethod
    def identity() -> bytes:
        """What a policy's version depends on."""
        return WEIGHTS.read_bytes() + CARD.read_bytes()

    def scores(self, found: Collection[str]) -> Mapping[Category, float]:
        """Likelihoods, 0 to 1. With that of being innocent they add up to 1."""
        sums = [0] * len(CATEGORIES)
        get = self._weights.get
        for feature in found:
            for weights in get(feature, ()):
                for at, weight in enumerate(weights):
                    sums[at] += weight
        norm = self._scale * length_norm(len(found))
        parts = [
            math.exp(min(bias + norm * total, 30.0))
            for bias, total in zip(self._biases, sums, strict=True)
        ]
        whole = 1 + sum(parts)
        return {name: part / whole for name, part in zip(CATEGORIES, parts, strict=True)}
