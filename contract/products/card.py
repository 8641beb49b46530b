"""The product card: what a photo shows, as JSON under one schema, and what a model is asked."""

import json
import re
from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from contract.errors import ReplicaFailed

NotVisible = Literal["brand", "price", "size", "stock", "authenticity"]
# What no photo shows, whatever a model says of it. `fibre`: what exactly a material consists of.
NEVER_VISIBLE = ("price", "stock", "authenticity", "fibre")
NOT_VISIBLE = ("brand", "price", "size", "stock", "authenticity", "fibre")
# A card has 100 to 200 tokens. The longest that the schema allows has 608 characters in its texts
# and about 90 tokens around them: at one token a character it ends, whatever a model writes.
MAX_CARD_TOKENS = 720
MAX_WORD_CHARS = 32
MAX_ITEMS = 3
# What a label or a box says, line by line.
MAX_LINE_CHARS = 40
MAX_LINES = 4
Words = Annotated[str, Field(min_length=1, max_length=MAX_WORD_CHARS)]
SomeWords = Annotated[list[Words], Field(max_length=MAX_ITEMS)]
Line = Annotated[str, Field(min_length=1, max_length=MAX_LINE_CHARS)]

# The model is asked exactly this, beside the schema. The answer's words are in its language.
CARD_QUESTIONS = {
    "zh": "请填写照片里商品的卡片，用JSON格式",
    "en": "Fill in the product card for this photo as JSON",
}


class ProductCard(BaseModel):
    """The fields in the order in which a model writes them: what it sees, then what follows."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    category: Words | None
    """What the product is; null where the photo shows none that is known."""
    materials: SomeWords
    style: Words | None
    audience: SomeWords
    colours: SomeWords
    occasions: SomeWords
    visible_text: Annotated[list[Line], Field(max_length=MAX_LINES)]
    not_visible: Annotated[list[NotVisible], Field(max_length=5)]
    """What the photo does not show, so that nobody takes silence for a fact."""
    confidence: Annotated[float, Field(ge=0, le=1)] | None = None
    """How likely category, materials and colours are all right, as a model judges it that was
    trained to. It is not asked for: a number has no end (0.000…), and tokens have probabilities."""


# Those that are about the photo.
CARD_FIELDS = tuple(name for name in ProductCard.model_fields if name != "confidence")


def card_schema() -> dict[str, object]:
    """The JSON schema that `response_format` is sent with: within `contract.schema`'s bounds."""
    schema = ProductCard.model_json_schema()
    schema.pop("description", None)
    del schema["properties"]["confidence"]
    for described in schema["properties"].values():
        described.pop("title", None)
    return schema


# `\u4e2d`, which JSON needs for control characters alone.
_ESCAPED = re.compile(r"(?<!\\)(?:\\\\)*\\u")
CARD_SCHEMA = json.dumps(card_schema())


def not_visible(told: Iterable[str]) -> list[str]:
    """What a model says that the photo does not show, and what no photo does."""
    hidden = {*told, *NEVER_VISIBLE}
    return [name for name in NOT_VISIBLE if name in hidden]


def read_field(name: str, written: str) -> Any:
    """One field of a card as its asker is given it; `written`: its value as JSON. Raises
    ReplicaFailed."""
    if _ESCAPED.search(written):
        raise ReplicaFailed
    card = read_card(json.dumps({**_BLANK, name: json.loads(written)}, ensure_ascii=False))
    return not_visible(card.not_visible) if name == "not_visible" else getattr(card, name)


def read_card(text: str) -> ProductCard:
    """A model's answer → the card. Raises ReplicaFailed for what is no card, as when it was cut
    off, and for one with characters as numbers: no policy for texts has read those."""
    if _ESCAPED.search(text):
        raise ReplicaFailed
    try:
        return ProductCard.model_validate_json(text)
    except ValidationError as error:
        raise ReplicaFailed from error


_BLANK: dict[str, Any] = {
    **{name: [] for name in CARD_FIELDS},
    "category": None,
    "style": None,
}
