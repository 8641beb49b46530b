"""Trains the classifier of intents and writes `weights.marisa` and `card.json` beside it: the same
texts give the same files. Needs the extra `training`; a minute on one core."""

import time
from pathlib import Path

from gateway.linear.fitting import Fitted, Labelled
from gateway.log.intents.features import features
from gateway.log.intents.intent import CLASSES, FOLDER, OTHER
from gateway.log.intents.training.compose import as_typed, composed

TEXTS = Path(__file__).parent / "texts"
LANGUAGES = ("zh", "en")
LABELS = (OTHER, *CLASSES)
# Questions of each pattern: twice as many find no more.
A_PATTERN = 16
# A question that somebody has written says more than one that was composed.
BY_HAND, COMPOSED = 2.0, 0.5
INVERSE_REGULARISATION = 15
LEAST_FEATURES = 20


def texts() -> list[tuple[str, str, float]]:
    """Intent, question, weight."""
    found = []
    for language in LANGUAGES:
        lines = (TEXTS / f"{language}.tsv").read_text().splitlines()
        by_hand = [(line.split("\t")[0], line.split("\t")[1]) for line in lines]
        made = composed(language, A_PATTERN)
        found += [(*pair, BY_HAND) for pair in by_hand]
        found += [(*pair, COMPOSED) for pair in as_typed(language, by_hand + made)]
        found += [(*pair, COMPOSED) for pair in made]
    return found


def examples() -> list[Labelled]:
    return [Labelled(LABELS.index(name), features(text), much) for name, text, much in texts()]


def main() -> None:
    began = time.monotonic()
    fitted = Fitted(examples(), INVERSE_REGULARISATION, LEAST_FEATURES)
    card = fitted.write(FOLDER, {})
    print(f"{card}\n{time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
