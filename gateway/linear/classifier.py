"""How likely a text belongs to each of some classes: a logistic regression over its features."""

import math
from collections.abc import Collection
from pathlib import Path
from typing import Any

import marisa_trie
import orjson

WEIGHTS = "weights.marisa"
CARD = "card.json"


def weight_format(classes: int) -> str:
    """One signed byte for each class. The class that stands for all else has none: its score is
    0."""
    return f"<{classes}b"


def length_norm(count: int, least: int) -> float:
    return 1 / math.sqrt(max(count, least))


class LinearClassifier:
    """Reads `weights.marisa` and `card.json` of a folder. `classes`: how many there are beside the
    one that stands for all else."""

    def __init__(self, folder: Path, classes: int) -> None:
        self._weights = marisa_trie.RecordTrie(weight_format(classes))
        self._weights.load(str(folder / WEIGHTS))
        self.card: dict[str, Any] = orjson.loads((folder / CARD).read_bytes())
        self._scale: float = self.card["scale"]
        self._biases: list[float] = self.card["biases"]
        self._least_features: int = self.card["least_features"]

    def scores(self, found: Collection[str]) -> list[float]:
        """A score for each class: the logarithm of how much likelier it is than all else."""
        get = self._weights.get
        known = [weights for feature in found for weights in get(feature, ())]
        norm = self._scale * length_norm(len(found), self._least_features)
        sums = map(sum, zip(*known, strict=True)) if known else [0] * len(self._biases)
        return [bias + norm * total for bias, total in zip(self._biases, sums, strict=True)]

    def likelihoods(self, found: Collection[str]) -> list[float]:
        """Of each class, 0 to 1. With that of all else they add up to 1."""
        parts = [math.exp(min(score, 30.0)) for score in self.scores(found)]
        whole = 1 + sum(parts)
        return [part / whole for part in parts]
