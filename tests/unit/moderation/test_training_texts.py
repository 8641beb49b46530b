"""What the classifier learns from is not what it is measured on."""

import re
import unicodedata
from pathlib import Path

from tests.moderation_sets.evaluate import FOLDER
from tests.support import ROOT

TEXTS = ROOT / "gateway" / "moderation" / "training" / "texts"


def words_of(path: Path) -> set[str]:
    """Its texts without case, spaces and signs: short ones are written by several people."""
    texts = (line.split("\t", 3)[3] for line in path.read_text().splitlines() if line)
    return {re.sub(r"\W+", "", unicodedata.normalize("NFKC", text).lower()) for text in texts}


def test_no_text_is_both_learnt_and_measured() -> None:
    learnt = set().union(*(words_of(path) for path in TEXTS.glob("*.tsv")))
    measured = set().union(*(words_of(path) for path in FOLDER.glob("*.tsv")))
    assert len(learnt) > 20_000
    assert len(measured) > 1_000
    assert learnt & measured == set()
