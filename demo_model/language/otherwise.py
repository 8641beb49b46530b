"""The same question put otherwise: to be answered in one word, without tones, or after a story."""

from functools import cache
from random import Random

from demo_model.language.claims import SHORTLY
from demo_model.language.grammar import HERE, Grammar, tasks

# What a photo does not tell has no short answer, however short it is to be.
NO_SHORT_ANSWER = ("genuine", "authentic", "stock", "price", "size", "not_visible")


def shortened(rng: Random, question: str, language: str) -> str:
    """With the demand for yes or no, or for one word, before or after it."""
    if rng.random() < 0.4:
        short = rng.choice(SHORTLY[language])
    else:
        short = tasks(language).phrasing(rng, "yes_or_no")
    if rng.random() < 0.25:
        return f"{short}{'：' if language == 'zh' else ': '}{question}"
    between = ("，", "？", " ", "") if language == "zh" else ("? ", ", ", " ", "? ", ". ")
    return f"{question}{rng.choice(between)}{short}"


@cache
def pinyin() -> Grammar:
    """Chinese in Latin letters without tones."""
    return Grammar((HERE / "pinyin.txt").read_text(encoding="utf-8"))


def in_pinyin(rng: Random, key: str) -> str | None:
    """Where the intent has such ways."""
    if key not in pinyin().intents:
        return None
    return " ".join(pinyin().phrasing(rng, key).split())


@cache
def _sentences(language: str) -> list[str]:
    return (HERE / f"story_{language}.txt").read_text(encoding="utf-8").splitlines()[1:]


def after_a_story(rng: Random, question: str, language: str, characters: int) -> str:
    """The question at the end of so many characters of everyday sentences, or among them."""
    zh = language == "zh"
    told: list[str] = []
    for sentence in rng.sample(_sentences(language), len(_sentences(language))):
        told.append(sentence)
        if sum(map(len, told)) + len(question) >= characters:
            break
    place = len(told) if rng.random() < 0.75 else rng.randrange(len(told) + 1)
    told.insert(place, question.rstrip("。.") if place < len(told) else question)
    # Some people end no sentence at all.
    ends = ("。", "。", "，", " ", "，然后") if zh else (". ", ". ", ", ", " ", " and ", "... ")
    text = rng.choice(ends).join(told)
    return text.lower() if not zh and rng.random() < 0.3 else text
