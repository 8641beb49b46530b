"""Fits the weights of a `LinearClassifier` and writes its files. The same examples give the same
files. Needs the extra `training`; no service imports it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import marisa_trie
import numpy as np
import orjson
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression

from gateway.linear.classifier import CARD, WEIGHTS, length_norm, weight_format

# A feature of fewer texts is chance.
LEAST_TEXTS = 2


@dataclass(frozen=True)
class Labelled:
    label: int
    """0 is the class that stands for all else."""
    features: frozenset[str]
    weight: float


class Fitted:
    """`weights` [features, classes] and `biases` [classes] against the class that stands for all
    else. Fewer features than `least_features` count as so many: a word or two say little. Above
    `tolerance` (of the gradient) fitting goes on."""

    def __init__(
        self,
        learnt: Sequence[Labelled],
        inverse_regularisation: float,
        least_features: int,
        tolerance: float = 1e-3,
    ) -> None:
        self.least_features = least_features
        self.texts = len(learnt)
        counts = Counter(feature for example in learnt for feature in example.features)
        kept = sorted(feature for feature, count in counts.items() if count >= LEAST_TEXTS)
        self.vocabulary = {feature: at for at, feature in enumerate(kept)}
        # A rare feature says more than a common one.
        rarity = np.log(len(learnt) / np.array([counts[feature] for feature in kept])) / 5
        regression = LogisticRegression(C=inverse_regularisation, max_iter=200, tol=tolerance)
        rows = self._rows(learnt).multiply(rarity).tocsr()
        labels, weights = [each.label for each in learnt], [each.weight for each in learnt]
        regression.fit(rows, labels, weights)
        coefficients, intercepts = regression.coef_, regression.intercept_
        self.weights = ((coefficients[1:] - coefficients[0]) * rarity).T
        self.biases = intercepts[1:] - intercepts[0]

    def scores(self, texts: Sequence[Labelled]) -> Any:
        """[texts, classes], as those of a `LinearClassifier` before its weights are rounded."""
        return self._rows(texts) @ self.weights + self.biases

    def write(self, folder: Path, more: Mapping[str, object]) -> dict[str, object]:
        """The files of a `LinearClassifier`. Returns what its card says, `more` included."""
        scale = float(np.abs(self.weights).max()) / 127
        bytes_ = np.round(self.weights / scale).astype(np.int8)
        kept = [
            (feature, tuple(map(int, bytes_[at])))
            for feature, at in self.vocabulary.items()
            if bytes_[at].any()
        ]
        trie = marisa_trie.RecordTrie(weight_format(self.weights.shape[1]), kept)
        trie.save(str(folder / WEIGHTS))
        biases = [float(bias) for bias in self.biases]
        card = {"texts": self.texts, "features": len(kept), "scale": scale, "biases": biases}
        card |= {"least_features": self.least_features, **more}
        (folder / CARD).write_bytes(orjson.dumps(card, option=orjson.OPT_INDENT_2) + b"\n")
        return card

    def _rows(self, texts: Sequence[Labelled]) -> Any:
        columns: list[int] = []
        values: list[float] = []
        ends = [0]
        for example in texts:
            known = sorted(self.vocabulary[f] for f in example.features if f in self.vocabulary)
            columns += known
            values += [length_norm(len(example.features), self.least_features)] * len(known)
            ends.append(len(columns))
        return csr_matrix((values, columns, ends), (len(texts), len(self.vocabulary)))
