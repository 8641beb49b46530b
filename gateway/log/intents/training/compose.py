"""Questions composed by a grammar, and what shoppers do to questions: a greeting before, a second
question behind, no marks, slips of the finger. The same seed gives the same questions."""

import random
import re
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
_SLOT = re.compile(r"\{(\w+)\}")
# Tries for each question that is wanted of a pattern: a small pattern has fewer different ones.
TRIES = 3
OPENINGS = {
    "zh": (
        *("你好，", "亲，", "请问", "想问下", "问一下，", "老板，", "帮我看看，", "那个", "急！"),
        *(
            "刚刷到的，",
            "朋友推荐的，",
            "犹豫好久了，",
            "准备下单，",
            "麻烦问下 ",
            "hi ",
            "就想知道",
        ),
    ),
    "en": (
        *("hi, ", "hey ", "hello! ", "quick question: ", "um ", "so ", "ok so ", "excuse me, "),
        *("just wondering, ", "about to order. ", "do you know ", "can you tell me ", "i wonder "),
    ),
}
CLOSINGS = {
    "zh": ("", "？", "?", "啊", "呀", "呢", "，谢谢", "，求解", "??", "～", "。", "，在线等", "嘛"),
    "en": ("", "?", "??", " pls", " thanks", "...", "!", " please?", " thx", ", anyone know?"),
}
BETWEEN = {
    "zh": ("？", "，还有", "，", " ", "?", "。另外"),
    "en": ("? ", ", and ", "? also ", ". "),
}
SOUNDS_ALIKE = dict(zip("吗什么这的是在怎那洗色送", "嘛神马介地素再咋哪喜涩松", strict=True))


@dataclass(frozen=True)
class Grammar:
    """`patterns`: of each intent."""

    words: dict[str, list[str]]
    patterns: dict[str, list[str]]

    def filled(self, pattern: str, draw: random.Random) -> str:
        """A question of the pattern; what fills a place may have places itself."""
        while match := _SLOT.search(pattern):
            word = draw.choice(self.words[match[1]])
            pattern = pattern[: match.start()] + word + pattern[match.end() :]
        return pattern


def read_grammar(language: str) -> Grammar:
    words: dict[str, list[str]] = {}
    patterns: dict[str, list[str]] = {}
    intent = "words"
    for line in (HERE / "grammar" / f"{language}.txt").read_text().splitlines():
        if line.startswith("["):
            intent = line.strip("[]")
        elif intent == "words" and " = " in line:
            name, _, choices = line.partition(" = ")
            words[name] = [choice.strip() for choice in choices.split(" | ")]
        elif line and not line.startswith("#"):
            patterns.setdefault(intent, []).append(line)
    return Grammar(words, patterns)


def composed(language: str, a_pattern: int, seed: int = 1) -> list[tuple[str, str]]:
    """Pairs of intent and question, at most `a_pattern` of each pattern."""
    grammar, draw = read_grammar(language), random.Random(seed)  # noqa: S311
    found = []
    for intent, patterns in grammar.patterns.items():
        for pattern in patterns:
            made = {grammar.filled(pattern, draw) for _ in range(TRIES * a_pattern)}
            found += [(intent, question) for question in sorted(made)[:: max(1, TRIES)]]
    return found


def as_typed(language: str, pairs: list[tuple[str, str]], seed: int = 2) -> list[tuple[str, str]]:
    """The same questions as shoppers may type them. Of two in one, the first says the intent."""
    draw = random.Random(seed)  # noqa: S311
    typed = []
    for intent, question in pairs:
        text = question
        if draw.random() < 0.25 and intent != "other":
            text += draw.choice(BETWEEN[language]) + draw.choice(pairs)[1]
        if draw.random() < 0.25:
            text = draw.choice(OPENINGS[language]) + text
        if draw.random() < 0.5:
            text += draw.choice(CLOSINGS[language])
        if draw.random() < 0.25:
            text = _slip(language, text, draw)
        typed.append((intent, text))
    return typed


def _slip(language: str, text: str, draw: random.Random) -> str:
    if language == "zh":
        alike = [at for at, char in enumerate(text) if char in SOUNDS_ALIKE]
        if not alike:
            return text
        at = draw.choice(alike)
        return text[:at] + SOUNDS_ALIKE[text[at]] + text[at + 1 :]
    at = draw.randrange(max(1, len(text) - 1))
    kind = draw.randrange(3)
    if kind == 0:  # a letter is left out
        return text[:at] + text[at + 1 :]
    if kind == 1:  # two change places
        return text[:at] + text[at + 1 : at + 2] + text[at : at + 1] + text[at + 2 :]
    return text[:at] + text[at : at + 1] + text[at:]  # one is doubled
