"""What the log keeps of a card or a match: which product it was, and the score. Pure."""

import unicodedata
from typing import Any

from contract.products.answers import CardAnswer, MatchAnswer
from gateway.identity.scopes import ASK, CARD, MATCH
from gateway.log.masking import masked

# The kind of a line of a batch, whatever it asks for.
BATCH_LINE = "batch line"
# Kinds of interactions about a photo, which have an answer.
ABOUT_PHOTOS = (ASK, CARD, MATCH, BATCH_LINE)
# Characters of `product_kind`. Real kinds have 2 to 20.
MAX_KIND_CHARS = 64


def product_columns(product: CardAnswer | MatchAnswer | None) -> dict[str, Any]:
    """The columns of a row that only cards and matches have."""
    kind = score = None
    if isinstance(product, CardAnswer) and product.card is not None:
        kind = product_kind(product.card.category)
    elif isinstance(product, MatchAnswer):
        score = product.score
    return {"product_kind": kind, "match_score": score}


def product_kind(category: str | None) -> str | None:
    """A card's category, so that analysts can group by it: one space between words, small letters.
    A model may write there whatever a photo says, so what names a person is replaced."""
    if category is None:
        return None
    plain = " ".join(unicodedata.normalize("NFKC", category).casefold().split())
    return masked(plain)[:MAX_KIND_CHARS].rstrip() or None
