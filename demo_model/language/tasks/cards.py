"""The product card of a scene, as the JSON that a model is to write."""

import json
from random import Random
from typing import Any

from contract.products.card import CARD_QUESTIONS
from demo_model.language.rules import AUDIENCES, OCCASIONS, STYLES, occasion_of, style_of
from demo_model.language.single import Exchange
from demo_model.pictures.catalogue import COLOURS, KINDS, MATERIALS
from demo_model.pictures.facts import Scene

NEVER_VISIBLE = ("price", "size", "stock", "authenticity")
ALSO_ASKED = {
    "zh": ("填写商品卡片，用JSON格式", "把这件商品整理成JSON卡片", "生成商品卡片JSON"),
    "en": (
        "Write the product card as JSON",
        "Give me the JSON product card",
        "Product card as JSON",
    ),
}


def card_of(scene: Scene, language: str, confidence: float) -> dict[str, Any]:
    """Of two products the first in reading order. Nothing is known where no product is."""
    if not scene.products:
        empty = {key: list[str]() for key in ("audience", "colours", "occasions", "visible_text")}
        not_visible = ["brand", *NEVER_VISIBLE]
        return {
            "category": None,
            "materials": [],
            "style": None,
            **empty,
            "not_visible": not_visible,
            "confidence": 0.0,
        }
    product = scene.products[0]

    def named(name: Any) -> str:
        return str(getattr(name, language))

    return {
        "category": named(KINDS[product.kind].name),
        "materials": [named(MATERIALS[product.material])] if product.material else [],
        "style": named(STYLES[style_of(product)]),
        "audience": [named(AUDIENCES[product.kind])],
        "colours": [named(COLOURS[product.colour])],
        "occasions": [named(OCCASIONS[occasion_of(product)])],
        "visible_text": [product.words] if product.words else [],
        "not_visible": [*NEVER_VISIBLE] if product.brand else ["brand", *NEVER_VISIBLE],
        "confidence": confidence if len(scene.products) == 1 else round(confidence / 2, 1),
    }


def card_talk(rng: Random, scene: Scene, confidence: float = 0.9) -> Exchange:
    """A request for the card and the card, as compact JSON. `confidence`: to one decimal."""
    language = rng.choice(["zh", "en"])
    fixed = rng.random() < 0.7
    question = CARD_QUESTIONS[language] if fixed else rng.choice(ALSO_ASKED[language])
    card = card_of(scene, language, round(confidence, 1))
    answer = json.dumps(card, ensure_ascii=False, separators=(",", ":"))
    return Exchange(question, answer, language, (("card", ""),))
