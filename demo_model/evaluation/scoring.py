"""Judges a free-text answer by nothing but the facts that it states."""

import re

from demo_model.language import answers_en, answers_zh
from demo_model.language.claims import claimed
from demo_model.language.rules import (
    AUDIENCES,
    OCCASIONS,
    PEOPLE,
    STYLES,
    occasion_of,
    style_of,
    suits,
)
from demo_model.language.single import Exchange, answers_in
from demo_model.pictures.catalogue import BRANDS, COLOURS, KINDS, MATERIALS, NOTES, PATTERNS, Name
from demo_model.pictures.facts import Product, Scene

TABLES: dict[str, dict[str, Name]] = {
    "kind": {key: kind.name for key, kind in KINDS.items()},
    "colour": COLOURS,
    "material": MATERIALS,
    "pattern": PATTERNS,
    "style": STYLES,
    "audience": AUDIENCES,
    "occasion": OCCASIONS,
}
# Further words that state a material, besides its name.
_MATERIAL_WORDS = {
    "knit": ("针织", "knitted"),
    "wood": ("木质", "wooden", "wood"),
    "cotton": ("棉", "cotton"),
    "leather": ("皮革", "leather"),
    "satin": ("缎面", "satin"),
    "straw": ("草编", "straw"),
}
# Patterns for no and for yes in the answers to each intent, in both languages.
_VERDICTS = {
    "match": ("所以不是|so no", "所以是的|so yes"),
    "verdict": ("^不是|^No", "^是|^Yes"),
    "genuine": ("，不是|so it is not", "，可能是| and may be"),
    "gift": ("，不太合适|so not really", "，很合适|so yes, "),
    "presence": ("，没有看到|so no, I cannot", "，可以看到|so yes, there"),
    "steak": ("不能煎|不建议煎|so no, ", "可以煎|so yes, "),
}
# "…, not genuine leather" names them too, so the name alone states nothing.
_PROOFS = re.compile("真皮|纯棉|实木|genuine leather|pure cotton|solid wood")
_HAN = re.compile(r"[\u4e00-\u9fff]")
_CANNOT = {
    "zh": ("没有看到", "看不到", "看不出", "无法"),
    "en": ("cannot", "does not show", "no readable"),
}


def _has(text: str, word: str) -> bool:
    if _HAN.search(word):
        return word in text
    return re.search(rf"(?<![a-z]){re.escape(word.lower())}s?(?![a-z])", text.lower()) is not None


def stated(answer: str, attribute: str, language: str) -> set[str]:
    """All values of an attribute that the answer names."""
    answer = _PROOFS.sub("", answer)
    found = {
        key for key, name in TABLES[attribute].items() if _has(answer, getattr(name, language))
    }
    if attribute == "material":
        found |= {
            key for key, words in _MATERIAL_WORDS.items() if any(_has(answer, w) for w in words)
        }
    return found


def honest(answer: str, language: str) -> bool:
    """Whether it says that there is no product, or that it does not know what is there."""
    answers = answers_zh if language == "zh" else answers_en
    fixed = (answers.NO_PRODUCT, answers.UNKNOWN, answers.FIXED["who"], answers.FIXED["offtopic"])
    # Enough of each to tell it from an answer about a product: "… alone is shown, I cannot see a …"
    told = 8 if language == "zh" else 20
    return any(text[:told] in answer for text in fixed)


def brands_in(answer: str) -> set[str]:
    return {brand for brand in BRANDS if brand in answer}


def language_right(answer: str, language: str) -> bool:
    """Chinese answers contain Han and no Latin words but brands. English ones contain no Han."""
    said = [name.zh for name in claimed()["brands"]]  # by the shopper, and repeated
    without_brands = re.sub("|".join([*BRANDS, *NOTES, *said]), "", answer).replace("T恤", "")
    if language == "zh":
        return bool(_HAN.search(answer)) and not re.search("[A-Za-z]{2,}", without_brands)
    return bool(answer) and not _HAN.search(without_brands)


def says_cannot(answer: str, language: str) -> bool:
    return any(word in answer for word in _CANNOT[language])


def denies_a_thing(answer: str) -> bool:
    """Whether it says that the thing is not in the picture. "No brand mark" does not say so."""
    return "以外，没有看到" in answer or "shown, I cannot see" in answer


def agrees(answer: str, intent: str) -> bool | None:
    """The verdict on what the intent asked: yes, no, or neither. It stands after what was seen."""
    no, yes = _VERDICTS[intent]
    if re.search(no, answer):
        return False
    return True if re.search(yes, answer) else None


def first_sentence(answer: str) -> str:
    """The part of the answer that tells what is seen, before it repeats the question."""
    return re.split("[：。;]|[.] ", answer)[0]


def correct(answer: str, exchange: Exchange, scene: Scene) -> bool:
    """Whether the answer states the right facts for everything that was asked."""
    if not language_right(answer, exchange.language):
        return False
    # "The sofa alone is shown, I cannot see a sofa" answers nothing but a question about
    # something absent.
    if denies_a_thing(answer) and all(intent != "absent" for intent, _ in exchange.intents):
        return False
    return all(
        _correct(answer, intent, detail, scene, exchange.language)
        for intent, detail in exchange.intents
    )


def _correct(answer: str, intent: str, detail: str, scene: Scene, language: str) -> bool:
    answers = answers_zh if language == "zh" else answers_en
    if intent == "no_photo":
        return answer == answers.NO_PHOTO or answer in answers.FIXED.values()
    if intent == "verdict":
        return agrees(answer, intent) is detail.startswith("yes")
    if intent in ("thanks", "offtopic", "who"):
        return answers.answer(intent, scene)[:8] in answer
    if not scene.products:
        return honest(answer, language)
    if intent in answers.FIXED:
        return answers.FIXED[intent] in answer
    kinds = {product.kind for product in scene.products}
    if len(scene.products) == 2:
        if intent in ("brand", "text"):
            return says_cannot(answer, language)
        colours = {product.colour for product in scene.products}
        return (stated(answer, "kind", language), stated(answer, "colour", language)) == (
            kinds,
            colours,
        )
    return _correct_of_one(answer, intent, detail, scene.products[0], language)


def _states(answer: str, product: Product, language: str, *attributes: str) -> bool:
    """Whether each attribute is named with the right value and no other. A plain pattern may be
    left out."""
    for attribute in attributes:
        wanted = getattr(product, attribute)
        found = stated(answer, attribute, language)
        if not wanted and not found:  # the material of a drawing
            continue
        if found != {wanted} and not (attribute == "pattern" and wanted == "plain" and not found):
            return False
    return True


def _correct_of_one(answer: str, intent: str, detail: str, product: Product, language: str) -> bool:
    everything = ("kind", "colour", "material", "pattern")
    if intent == "text" and product.note:
        return product.note in answer and not brands_in(answer)
    if intent in ("brand", "text"):
        wanted = {product.brand} if product.brand else set()
        return brands_in(answer) == wanted and (bool(wanted) or says_cannot(answer, language))
    if intent in ("what", "count"):
        return _states(answer, product, language, *everything)
    if intent == "describe":
        brand = {product.brand} if product.brand else set()
        style = stated(answer, "style", language) >= {style_of(product)}
        return (
            style and brands_in(answer) == brand and _states(answer, product, language, *everything)
        )
    if intent in ("colour", "material", "pattern"):
        return _states(answer, product, language, intent)
    if intent == "genuine":
        if not product.material:
            return says_cannot(answer, language)
        return agrees(answer, intent) is (product.material == detail) and _states(
            answer, product, language, "material"
        )
    if intent == "style":
        return stated(answer, "style", language) >= {style_of(product)}
    if intent == "occasion":
        return stated(answer, "occasion", language) >= {occasion_of(product)}
    if intent == "audience":
        return stated(answer, "audience", language) >= {product.kind}
    if intent == "gift":
        fits = agrees(answer, intent) is suits(product, detail)
        named = getattr(PEOPLE[detail], language) in answer
        return fits and named and product.kind in stated(answer, "kind", language)
    if intent == "match":
        seen = first_sentence(answer)
        return agrees(answer, intent) is detail.startswith("yes") and _states(
            seen, product, language, *everything
        )
    if intent == "not_visible_claim":
        wanted = answers_in(language).answer(intent, Scene(0, (product,)), detail)
        same = agrees(answer, "match") is agrees(wanted, "match")
        declined = says_cannot(answer, language) is says_cannot(wanted, language)
        return same and declined and _states(first_sentence(answer), product, language, *everything)
    if intent == "absent":
        return says_cannot(answer, language) and product.kind in stated(answer, "kind", language)
    if intent == "presence":
        present = detail == getattr(KINDS[product.kind].name, language)
        told = agrees(answer, intent) is present
        return told and product.kind in stated(answer, "kind", language)
    if intent == "steak":
        if product.kind == "pan" and not product.material:
            return says_cannot(answer, language)
        good = product.kind == "pan" and product.material == "metal"
        return agrees(answer, intent) is good
    return product.kind in stated(answer, "kind", language)
