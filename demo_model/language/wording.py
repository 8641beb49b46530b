"""How people type questions: names of the product, politeness, punctuation, letter case, slips."""

import re
from functools import cache
from pathlib import Path
from random import Random

from demo_model.language import phrasings_en, phrasings_zh
from demo_model.pictures.catalogue import KINDS
from demo_model.pictures.facts import Scene

GROUP_NOUNS = {
    "bag": (("这个包", "这款包", "包包", "这包", "包", "小包"), ("this bag", "the bag", "bag")),
    "shoe": (("这双鞋", "鞋子", "这鞋", "鞋"), ("this shoe", "the shoe", "these shoes")),
    "clothing": (
        ("这件", "这件衣物", "衣服", "这衣服"),
        ("this piece", "this garment", "the garment"),
    ),
    "accessory": (("这件配饰", "这个东西", "配饰"), ("this accessory", "this thing")),
    "home": (("这个东西", "这件家居用品", "家里用的这个"), ("this thing", "the item")),
}
WAYS = Path(__file__).parent / "ways"
_KEYS = "qwertyuiop asdfghjkl zxcvbnm"


def reference(rng: Random, scene: Scene, language: str) -> str:
    """ "It", "this bag", "this handbag": one reference to the product in the picture."""
    zh = language == "zh"
    plain = phrasings_zh.REFERENCES if zh else phrasings_en.REFERENCES
    product = scene.product
    chance = rng.random()
    if len(scene.products) != 1 or product is None or chance < 0.45:
        return rng.choice(plain)
    if chance < 0.6:
        return rng.choice(_typing(language)["references"])
    kind = KINDS[product.kind]
    # It is named as often as absent things are. Otherwise a name alone would mean "absent".
    if rng.random() < 0.3:
        return rng.choice(GROUP_NOUNS[kind.group][0 if zh else 1])
    lead = rng.choice(["这个", "这款", ""]) if zh else rng.choice(["this ", "the "])
    return f"{lead}{kind.name.zh if zh else kind.name.en}"


def as_typed(rng: Random, question: str, language: str, *, bare: bool = False) -> str:
    """Politeness, punctuation, letter case, script and slips as people type them.

    `bare`: nothing is put around the question, because it ends with how to answer."""
    if language == "zh":
        return _typed_zh(rng, question, bare)
    return _typed_en(rng, question, bare)


def _typed_zh(rng: Random, question: str, bare: bool) -> str:
    if bare:
        return _other_script(rng, question) + rng.choice(["？", "?", ""])
    if rng.random() < 0.15:
        question = _slip_zh(rng, question)
    if rng.random() < 0.25:
        question = rng.choice(_typing("zh")["openers"]) + question
    question += rng.choice(_typing("zh")["closers"])
    if rng.random() < 0.1:  # marks are left out, or become blanks
        question = re.sub("[，。？！,]", rng.choice(["", " "]), question)
    return _other_script(rng, question)


def _other_script(rng: Random, text: str) -> str:
    return text.translate(traditional()) if rng.random() < 0.07 else text


@cache
def _typing(language: str) -> dict[str, list[str]]:
    """The lists of `ways/typing_*.txt` by name."""
    lists: dict[str, list[str]] = {}
    name = ""
    for line in (WAYS / f"typing_{language}.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            name = line[1:-1]
        elif not line.startswith("#"):
            lists.setdefault(name, []).extend(line.split("|")[:-1])
    return lists


@cache
def _slips(language: str) -> dict[str, list[str]]:
    """Words, and how else they are typed."""
    slips: dict[str, list[str]] = {}
    for pair in _typing(language)["slips"]:
        word, _, typed = pair.partition(">")
        slips.setdefault(word, []).append(typed)
    return slips


@cache
def traditional() -> dict[int, str]:
    """Simplified → traditional characters, for those that this package writes."""
    pairs = (WAYS / "traditional.txt").read_text(encoding="utf-8").split()
    return {ord(pair[0]): pair[1] for pair in pairs}


def _slip_zh(rng: Random, text: str) -> str:
    """One word typed as it sounds, one character twice, or one left out."""
    found = [word for word in _slips("zh") if word in text]
    if found and rng.random() < 0.75:
        word = rng.choice(found)
        return text.replace(word, rng.choice(_slips("zh")[word]), 1)
    places = [i for i, char in enumerate(text) if char in "的了是啊呢吗有个一这"]
    if not places:
        return text
    at = rng.choice(places)
    return text[:at] + text[at + 1 :] if rng.random() < 0.6 else text[:at] + text[at] + text[at:]


def _typed_en(rng: Random, question: str, bare: bool) -> str:
    if not bare:
        if rng.random() < 0.2:
            question = _slip_en(rng, question)
        if rng.random() < 0.22:
            question = rng.choice(_typing("en")["openers"]) + question[:1].lower() + question[1:]
        if rng.random() < 0.15:
            question = question.replace("'", "")
    case = rng.random()
    if case < 0.3:
        question = question.lower()
    elif case < 0.35:
        question = question.upper()
    elif case < 0.38:
        question = question.title()
    elif case < 0.7:
        question = question[:1].upper() + question[1:]
    return question + rng.choice(["?", "?", ""] if bare else _typing("en")["closers"])


def _slip_en(rng: Random, text: str) -> str:
    """One word as it sounds or is shortened, or one letter doubled, left out, swapped, missed."""
    words = text.split(" ")
    found = [i for i, word in enumerate(words) if word.lower() in _slips("en")]
    if found and rng.random() < 0.5:
        at = rng.choice(found)
        words[at] = rng.choice(_slips("en")[words[at].lower()])
        return " ".join(words)
    long = [i for i, word in enumerate(words) if len(word) > 3 and word.isalpha()]
    if not long:
        return text
    at = rng.choice(long)
    word = words[at]
    place = rng.randrange(1, len(word) - 1)
    neighbours = next((row for row in _KEYS.split() if word[place].lower() in row), "e")
    words[at] = rng.choice(
        (
            word[:place] + word[place + 1 :],
            word[:place] + word[place] + word[place:],
            word[:place] + word[place + 1] + word[place] + word[place + 2 :],
            word[:place] + rng.choice(neighbours) + word[place + 1 :],
        )
    )
    return " ".join(words)
