"""What a shopper wants to know: a question → one of INTENTS, by a small classifier that
`make intent-train` trains. docs/analysts.md tells how often that is right."""

from functools import cache
from pathlib import Path

from gateway.linear.classifier import LinearClassifier
from gateway.log.intents.features import features

FOLDER = Path(__file__).parent
# `other` stands for all else.
CLASSES = (
    *("authenticity", "material", "brand", "price", "gift", "size"),
    *("colour", "care", "style", "use", "identify"),
)
OTHER = "other"
INTENTS = (*CLASSES, OTHER)


def intent_of(question: str) -> str:
    """The intent that is likeliest. Of two things asked the first decides, mostly."""
    scores = _classifier().scores(features(question))
    best = max(range(len(scores)), key=scores.__getitem__)
    return CLASSES[best] if scores[best] > 0 else OTHER


@cache
def _classifier() -> LinearClassifier:
    return LinearClassifier(FOLDER, len(CLASSES))
