"""A product card as replicas of tests write it, token by token."""

import json
from typing import Any

CARD: dict[str, Any] = {
    "category": "手提包",
    "materials": ["皮革"],
    "style": "复古",
    "audience": ["妈妈"],
    "colours": ["棕色"],
    "occasions": [],
    "visible_text": ["KELVO"],
    "not_visible": ["size"],
}
Tokens = list[tuple[str, dict[str, float]]]


def written(card: dict[str, Any]) -> str:
    return json.dumps(card, ensure_ascii=False, separators=(",", ":"))


def card_tokens(card: dict[str, Any] = CARD, **sure: float) -> Tokens:
    """A token for each name and each value. `sure`: the probability of a field's value, else 1."""
    tokens: Tokens = [("{", {})]
    for place, (name, value) in enumerate(card.items()):
        tokens.append((f'{"," if place else ""}"{name}":', {}))
        text = written(value)
        tokens.append((text, {text: sure[name]} if name in sure else {}))
    return [*tokens, ("}", {})]
