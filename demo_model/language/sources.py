"""Where a phrasing comes from: the tables, the grammar, or people who wrote it by hand."""

from enum import StrEnum
from functools import cache
from random import Random

from demo_model.language import phrasings_en, phrasings_zh
from demo_model.language.claims import shortly
from demo_model.language.grammar import HERE, grammar

# How many phrasings are composed by the grammar. The rest are of the tables.
COMPOSED = 0.75


class Wording(StrEnum):
    """Where a phrasing comes from."""

    TRAINED = "trained"
    """Of the tables and the grammar."""
    HELD_OUT = "held out"
    """Of the tables, never trained on."""
    BRANCH = "branch"
    """A branch of the grammar that is never trained on."""
    WORD = "word"
    """With a branch or a word of the grammar that is never trained on."""
    BY_HAND = "by hand"
    """Of what people wrote line by line, where the intent has some. Training alone asks so."""


def has(intent: str, wording: Wording) -> bool:
    """Whether an intent has phrasings of that sort in both languages."""
    if wording == Wording.HELD_OUT:
        return any(key.split(":")[0] == intent for key in phrasings_zh.HELD_OUT)
    if wording in (Wording.BRANCH, Wording.WORD):
        return all(
            intent in grammar(language).intents and grammar(language).has_branches(intent)
            for language in ("zh", "en")
        )
    return True


@cache
def by_hand(language: str) -> dict[str, list[str]]:
    """What people wrote line by line who saw only a list of intents, by key. Others than they
    wrote what the evaluation asks (`evaluation/own_phrasings_*.tsv`).

    `ways/by_hand_*.tsv` has a key and a phrasing a line, with the fields of the grammar. A key such
    as gift:mum names the person that the line speaks of in its own words."""
    found: dict[str, list[str]] = {}
    text = (HERE / f"by_hand_{language}.tsv").read_text(encoding="utf-8")
    for line in text.splitlines():
        key, phrasing = line.split("\t")
        found.setdefault(key, []).append(phrasing)
    return found


def template_of(rng: Random, language: str, intent: str, wording: Wording) -> tuple[str, str]:
    """A key, such as genuine:leather, and a phrasing of it with its fields in braces."""
    phrasings = phrasings_zh if language == "zh" else phrasings_en
    table = phrasings.HELD_OUT if wording == Wording.HELD_OUT else phrasings.SEEN
    written = by_hand(language) if wording == Wording.BY_HAND else {}
    keys = [key for key in {**table, **written} if key.split(":")[0] == intent]
    weights = [float(len(written.get(key, ()))) for key in keys]
    if not any(weights):
        weights = [5.0 if key.endswith("leather") else 1.0 for key in keys]
    key = rng.choices(keys, weights)[0]
    return key, _phrasing(rng, language, key, wording) or rng.choice(table[key])


def _phrasing(rng: Random, language: str, key: str, wording: Wording) -> str | None:
    """One that is not of the tables, if that is what is wanted."""
    ways = grammar(language)
    if wording == Wording.BRANCH:
        return ways.branch(rng, key)
    if wording == Wording.WORD:
        return ways.phrasing(rng, key, held_out=True)
    if wording == Wording.HELD_OUT:
        return None
    if wording == Wording.BY_HAND and key in (written := by_hand(language)):
        return rng.choice(written[key])
    if rng.random() >= COMPOSED:
        return None
    if key == "verdict":
        return shortly(rng, language)
    if key == "not_visible_claim" and rng.random() < 0.5:  # it is put as other claims are
        key = "match"
    return ways.phrasing(rng, key) if key in ways.intents else None
