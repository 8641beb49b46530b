"""A Chinese document says what the English one says. What can be compared is: headings, commands,
the names in code, rows of tables, links. So neither changes without the other unnoticed."""

import re
from collections import Counter
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pytest

from tests.support import ROOT

CHINESE = sorted(path for path in (*ROOT.glob("*.zh-CN.md"), *(ROOT / "docs").glob("*.zh-CN.md")))
MAX_README_LINES = 80

FENCE = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
CODE = re.compile(r"`[^`\n]+`")
TAG = re.compile(r"<[^>\n]+>")
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^(#+) ", re.MULTILINE)
# `#` and `//` begin a comment after white space; in an address they stand after a letter or sign.
COMMENT = re.compile(r"(?:^|\s+)(?:#|//)\s.*$", re.MULTILINE)
HAN = "\u3400-\u9fff"
HALF_WIDTH = re.compile(rf"[{HAN}][,;:?!()\"]|[,;:?!()\"][{HAN}]|[{HAN}] ?\.(?:\s|$)")


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def english(path: Path) -> Path:
    return path.with_name(path.name.replace(".zh-CN", ""))


def sections(path: Path) -> list[tuple[str, str]]:
    """The level of each heading, and the text below it; the first stands for what is above all."""
    text = path.read_text()
    fences = FENCE.findall(text)
    parts = HEADING.split(FENCE.sub("\0", text))
    found = []
    for level, body in zip(["", *parts[1::2]], parts[0::2], strict=True):
        for _ in range(body.count("\0")):
            body = body.replace("\0", fences.pop(0), 1)
        found.append((level, body))
    return found


def pairs(path: Path) -> list[tuple[str, str]]:
    """The texts of a section in both languages."""
    both = zip_longest(sections(english(path)), sections(path), fillvalue=("", ""))
    return [(ours[1], theirs[1]) for ours, theirs in both]


def commands(text: str) -> list[str]:
    """Lines of code blocks, without comments, which are in the reader's language."""
    lines = COMMENT.sub("", "\n".join(FENCE.findall(text))).splitlines()
    return [line.rstrip() for line in lines if line.strip()]


def names_in_code(text: str) -> Counter[str]:
    return Counter(CODE.findall(FENCE.sub("", text)))


def targets(text: str) -> Counter[str]:
    """Files and addresses that links lead to. Headings within them have names of their own."""
    links = LINK.findall(FENCE.sub("", text))
    return Counter(link.partition("#")[0].replace(".zh-CN", "") for link in links)


def rows(text: str) -> list[int]:
    """The number of cells of each row of a table."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [len(re.findall(r"(?<!\\)\|", line)) - 1 for line in lines]


def test_there_are_chinese_documents() -> None:
    names = {"README.zh-CN.md", "docs/integrators.zh-CN.md"}
    names |= {"docs/analysts.zh-CN.md", "docs/operations.zh-CN.md"}
    assert names <= set(map(name, CHINESE))


@pytest.mark.parametrize("path", CHINESE, ids=name)
def test_both_languages_have_the_same_headings(path: Path) -> None:
    ours, theirs = (
        list(HEADING.findall(FENCE.sub("", p.read_text()))) for p in (english(path), path)
    )
    assert theirs == ours


@pytest.mark.parametrize("what", [commands, names_in_code, rows, targets])
@pytest.mark.parametrize("path", CHINESE, ids=name)
def test_both_languages_have_the_same(path: Path, what: Any) -> None:
    for ours, theirs in pairs(path):
        title = ours.partition("\n")[0]
        mine, other = what(ours), what(theirs)
        if isinstance(mine, Counter):
            assert other == mine, f"{title}: missing {mine - other}, too many {other - mine}"
        assert other == mine, title


@pytest.mark.parametrize("path", CHINESE, ids=name)
def test_chinese_has_full_width_punctuation(path: Path) -> None:
    text = LINK.sub("]", CODE.sub("", TAG.sub("", FENCE.sub("", path.read_text()))))
    text = re.sub(r"!?\[|\]", "", text)
    assert [text[max(0, m.start() - 12) : m.end() + 4] for m in HALF_WIDTH.finditer(text)] == []


@pytest.mark.parametrize("path", [ROOT / "README.md", ROOT / "README.zh-CN.md"], ids=name)
def test_the_readme_is_short_and_shows_before_it_tells(path: Path) -> None:
    lines = path.read_text().splitlines()
    assert len(lines) < MAX_README_LINES
    pictures = [number for number, line in enumerate(lines) if line.startswith(("![", "<img"))]
    headings = [number for number, line in enumerate(lines) if line.startswith("## ")]
    assert pictures
    assert max(pictures) < min(headings)
    never = ("never", "从未")
    assert any(word in lines[headings[0]] for word in never)  # before any praise
