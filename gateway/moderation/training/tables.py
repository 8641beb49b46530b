"""Makes the tables of `reading/tables/`, and that of traditional characters, from libraries that
are too large for a gateway's memory: OpenCC, pypinyin, jieba's dictionary, Unicode's
confusables."""

import math
from collections import defaultdict
from pathlib import Path
from typing import Any

from gateway.log.personal.legible import TRADITIONAL
from gateway.moderation.reading.words import COST_A_UNIT, TABLES, WORD_FORMAT

HAN = range(0x4E00, 0xA000)
# Words seen more rarely in jieba's corpus decide no boundary. With all 347,000 the file has 1.6 MB.
LEAST_OCCURRENCES = 10
LONGEST_WORD = 6
# Written in traditional texts, and left as they are by OpenCC.
VARIANTS = {"妳": "你", "牠": "它", "砲": "炮", "礮": "炮"}


def main() -> None:
    import confusable_homoglyphs.confusables as homoglyphs
    import jieba
    import marisa_trie
    import opencc
    import pypinyin

    _write(TRADITIONAL, _traditional(opencc.OpenCC("t2s")))
    _write(TABLES / "pinyin.txt", _pinyin(pypinyin))
    _write(TABLES / "confusables.txt", _confusables(homoglyphs.confusables_data))
    _words(Path(jieba.__file__).with_name("dict.txt"), marisa_trie)


def _traditional(converter: Any) -> list[str]:
    """Lines of a traditional character and its simplified one."""
    chars = [chr(code) for code in HAN]
    pairs = zip(chars, (VARIANTS.get(c) or converter.convert(c) for c in chars), strict=True)
    return [a + b for a, b in pairs if a != b and len(b) == 1]


def _pinyin(library: Any) -> list[str]:
    """Lines of a syllable without its tone, and the characters that are mostly read so."""
    chars_of = defaultdict(list)
    for code in HAN:
        syllable = library.lazy_pinyin(chr(code), errors="ignore")
        if syllable and syllable[0].isascii():
            chars_of[syllable[0].replace("v", "u")].append(chr(code))
    return [f"{syllable} {''.join(chars)}" for syllable, chars in sorted(chars_of.items())]


def _confusables(data: Any) -> list[str]:
    """Lines of a character and the letter or digit of ASCII that it looks like."""
    lines = []
    for char, looks in data.items():
        like = [look["c"] for look in looks if len(look["c"]) == 1 and look["c"].isascii()]
        letters = [one.lower() for one in like if one.isalpha()]
        is_other = len(char) == 1 and not char.isascii() and char.isalpha() and ord(char) > 0x24F
        if letters and is_other and ord(char) not in HAN:
            lines.append(char + letters[0])
    return sorted(lines)


def _words(dictionary: Path, marisa: Any) -> None:
    total = 0
    counts = {}
    for line in dictionary.read_text().splitlines():
        word, count, _ = line.split(" ")
        total += int(count)
        if len(word) <= LONGEST_WORD and all(ord(char) in HAN for char in word):
            counts[word] = int(count)
    costs = [
        (word, (min(255, round(-math.log(count / total) / COST_A_UNIT)),))
        for word, count in counts.items()
        if count >= LEAST_OCCURRENCES or (len(word) == 1 and count > 0)
    ]
    marisa.RecordTrie(WORD_FORMAT, costs).save(str(TABLES / "words.marisa"))


def _write(path: Path, lines: list[str]) -> None:
    path.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
