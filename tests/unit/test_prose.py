"""Sentences are short: a reader whose first language is Chinese should not have to read them twice.
`python -m tests.unit.test_prose` prints each document's mean and its longest sentences."""

import re
from pathlib import Path
from statistics import fmean

import pytest

from tests.support import ROOT

# What people read first. Decisions and the changelog are looked things up in.
DOCUMENTS = sorted(
    path
    for path in (*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *ROOT.glob("examples/*/*.md"))
    if ".zh-CN" not in path.name and path.name != "CHANGELOG.md"
)
# Words a sentence. About 15 is the aim, and many are shorter: a mean near it has some of thirty.
MAX_MEAN_WORDS = 13
MAX_WORDS = 35

NOT_PROSE = re.compile(r"^```.*?^```$|^\|[^\n]*$|^#[^\n]*$|<[^>]+>", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
CODE = re.compile(r"`[^`\n]+`")
# `:` ends one where a list or an example follows. Within a sentence it does not.
END = re.compile(r"[.!?:][*”\")]*(?:\s+|$)|\n\s*\n|\n\s*(?:[-*]|\d+\.)\s")
WORD = re.compile(r"[\w'’/-]*\w")


def sentences(path: Path) -> list[str]:
    """Of paragraphs and lists. A name in code and a link count as one word and as their text."""
    text = NOT_PROSE.sub("\n\n", path.read_text())
    text = CODE.sub("code", LINK.sub(r"\1", text))
    # A row of names in code is a list, and no sentence that somebody has to keep in mind.
    text = re.sub(r"(?:code[\s,·]+)+code", "code", text)
    return [" ".join(part.split()) for part in END.split(text) if WORD.search(part)]


def words(sentence: str) -> int:
    return len(WORD.findall(sentence))


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_sentences_are_short(path: Path) -> None:
    found = sentences(path)
    assert fmean(map(words, found)) <= MAX_MEAN_WORDS
    assert [each for each in found if words(each) > MAX_WORDS] == []


if __name__ == "__main__":
    for document in DOCUMENTS:
        parts = sorted(sentences(document), key=words, reverse=True)
        print(f"{fmean(map(words, parts)):5.1f} {words(parts[0]):3}  {document.relative_to(ROOT)}")
        for part in parts[:3]:
            print(f"       {words(part):3}  {part}")
