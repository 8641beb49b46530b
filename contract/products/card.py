"""The product card: what a photo shows, as JSON under one schema, and how a model is asked for it.
Its endpoint is not here."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from contract.errors import ReplicaFailed

NotVisible = Literal["brand", "price", "size", "stock", "authenticity"]
MAX_ITEMS = 8
Words = Annotated[str, Field(min_length=1, max_length=120)]
SomeWords = Annotated[list[Words], Field(max_length=MAX_ITEMS)]

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
    visible_text: SomeWords
    not_visible: Annotated[list[NotVisible], Field(max_length=5)]
    """What the photo does not show, so that nobody takes silence for a fact."""
    confidence: Annotated[float, Field(ge=0, le=1)]
    """How likely category, materials and colours are all right, as the model judges it."""


def card_schema() -> dict[str, object]:
    """The JSON schema that `response_format` is sent with: within `contract.schema`'s bounds."""
    schema = ProductCard.model_json_schema()
    schema.pop("description", None)
    for described in schema["properties"].values():
        described.pop("title", None)
    return schema


def read_card(text: str) -> ProductCard:
    """A model's answer → the card. Raises ReplicaFailed for what is no card, as when
    it was cut off."""
    try:
        return ProductCard.model_validate_json(text)
    except ValidationError as error:
        raise ReplicaFailed from error
