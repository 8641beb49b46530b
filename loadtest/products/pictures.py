"""Held-out pictures with what is true of them: the card, and texts that match or do not."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

from contract.products.card import not_visible
from demo_model.language.claims import claim_about
from demo_model.language.tasks.cards import card_of
from demo_model.pictures.facts import FIRST_HELD_OUT_SEED, Scene, visible
from demo_model.pictures.renderer import render

LANGUAGES = ("zh", "en")
# Neither training, nor its validation, nor the model's own evaluation draws these.
FIRST_TO_FIT = FIRST_HELD_OUT_SEED + 5_000_000
FIRST_TO_MEASURE = FIRST_HELD_OUT_SEED + 6_000_000


# A match is one token, a card a hundred: so many pictures are matched for each that gets a card.
MATCHED = 5


@dataclass(frozen=True)
class Claim:
    text: str
    language: str
    true: bool


@dataclass(frozen=True)
class HeldOut:
    jpeg: bytes
    scene: Scene
    claims: tuple[Claim, ...]
    with_card: bool

    def right(self, name: str, value: Any, language: str) -> bool:
        """Whether a field of a card, as its asker gets it, is what the picture shows."""
        wanted = card_of(self.scene, language, 0.0)[name]
        return bool(value == (not_visible(wanted) if name == "not_visible" else wanted))


def held_out(first: int, cards: int) -> Iterator[HeldOut]:
    """Pictures from the seed `first` on, so many of which are to get cards. Every fourth has the
    size of a real upload."""
    for seed in range(first, first + cards * MATCHED):
        picture, scene = render(seed, unit=128 if seed % 4 == 0 else 32)
        file = io.BytesIO()
        picture.convert("RGB").save(file, "JPEG", quality=92)
        shown = visible(scene)
        rng = Random(seed)
        claims = []
        for language in LANGUAGES:
            text, truth = claim_about(rng, shown, language, bare=True)
            claims.append(Claim(text, language, truth == "yes"))
        yield HeldOut(file.getvalue(), shown, tuple(claims), seed < first + cards)
