"""How likely a text belongs to each category of what is unwanted."""

from collections.abc import Collection, Mapping
from pathlib import Path

from gateway.linear.classifier import CARD, WEIGHTS, LinearClassifier
from gateway.moderation.verdict import LEARNT, Category

FOLDER = Path(__file__).parent


class Classifier:
    """What is innocent stands for all else."""

    def __init__(self) -> None:
        self._model = LinearClassifier(FOLDER, len(LEARNT))
        self.threshold: float = self._model.card["threshold"]
        """From this likelihood of a category on what somebody wrote is unwanted."""
        self.answer_threshold: float = self._model.card["answer_threshold"]
        """From this likelihood of all categories together on what a model answered is."""

    @staticmethod
    def identity() -> bytes:
        """What a policy's version depends on."""
        return (FOLDER / WEIGHTS).read_bytes() + (FOLDER / CARD).read_bytes()

    def scores(self, found: Collection[str]) -> Mapping[Category, float]:
        """Likelihoods, 0 to 1. With that of being innocent they add up to 1."""
        return dict(zip(LEARNT, self._model.likelihoods(found), strict=True))
