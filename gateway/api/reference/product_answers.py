"""What a card and a match answer, as models for the description."""

from typing import Annotated, Literal

from pydantic import Field

from gateway.api.reference.answers import Described, Finish, TokenCounts

Probability = Annotated[float, Field(ge=0, le=1)]


class CardConfidence(Described):
    """How likely each field is right; null where that is not known."""

    category: Probability | None
    materials: Probability | None
    style: Probability | None
    audience: Probability | None
    colours: Probability | None
    occasions: Probability | None
    visible_text: Probability | None
    not_visible: Probability | None


class CardFields(Described):
    category: str | None
    materials: list[str]
    style: str | None
    audience: list[str]
    colours: list[str]
    occasions: list[str]
    visible_text: list[str]
    """What a label or a box says, line by line."""
    not_visible: list[Literal["brand", "price", "size", "stock", "authenticity", "fibre"]]
    """What the photo does not show."""
    confidence: CardConfidence


class ProductCardAnswer(Described):
    id: str
    object: Literal["product.card"]
    created: int
    model: str
    model_revision: str
    card: CardFields | None
    """Null where it was blocked."""
    language: Literal["zh", "en"]
    calibrated: bool
    """Whether the confidences were compared with photos whose card is known."""
    finish_reason: Finish
    usage: TokenCounts


class ProductMatchAnswer(Described):
    id: str
    object: Literal["product.match"]
    created: int
    model: str
    model_revision: str
    score: Probability | None
    """How likely the text is true of the photo. Null where the model said neither yes nor no, and
    where the text was blocked."""
    calibrated: bool
    finish_reason: Literal["stop", "content_filter"]
    usage: TokenCounts
