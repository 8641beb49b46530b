"""What one picture is used for in a step: conversations about it, and drills."""

import random
from collections.abc import Sequence

from demo_model.language.drills import (
    gift_drill,
    hand_drill,
    language_drill,
    name_drill,
    person_drill,
    story_drill,
    unseen_drill,
    verdict_drill,
    word_drill,
)
from demo_model.language.questions import ask
from demo_model.language.sources import Wording
from demo_model.language.tasks.cards import card_talk
from demo_model.language.tasks.talk import Talk
from demo_model.language.tasks.turns import quoted_back
from demo_model.pictures.facts import Scene
from demo_model.training.conversations import Conversation, Transcriber, converse, second_photo

CONVERSATIONS = 3
# Without the photo's own. A second photo counts as one, since it is spread later.
ROW_TOKENS = 380
# So many of the batches have room in their rows for a question after a long story. In the others
# stories are shorter, since all rows cost what the longest one does.
LONG_BATCHES, LONG_ROW_TOKENS = 0.12, 720
# Shoppers ask these most, in the most different words.
OFTEN_ASKED = ("what", "colour", "material", "pattern", "price", "authentic", "gift", "not_visible")
# How often a picture is used for each of these.
VERDICTS, NAMES, BY_HAND, PEOPLE, UNSEEN = 1, 4, 5, 4, 2
CARDS, SECOND_PHOTOS, GIFTS, WORDS, LANGUAGES, QUOTES, STORIES = 0.25, 0.8, 0.4, 0.2, 0.2, 0.6, 0.25


def rows_of(
    rng: random.Random,
    scenes: Sequence[Scene],
    transcriber: Transcriber,
    confidences: Sequence[float] | None = None,
) -> list[list[Conversation]]:
    """Random conversations and drills, one row for each scene. `confidences`: how sure the heads
    are of each scene's product, which its card tells."""
    rows = []
    most = LONG_ROW_TOKENS if rng.random() < LONG_BATCHES else ROW_TOKENS
    for at, scene in enumerate(scenes):
        talks = [converse(rng, scene) for _ in range(CONVERSATIONS)]
        often = rng.choice(OFTEN_ASKED)
        talks.append(Talk((ask(rng, scene, intent=often, wording=Wording.BY_HAND),)))
        if rng.random() < GIFTS:
            talks.append(Talk((gift_drill(rng, scene),)))
        if rng.random() < WORDS:
            talks.append(Talk((word_drill(rng),), sees_photo=False))
        if rng.random() < QUOTES:
            talks.append(Talk(tuple(quoted_back(rng)), sees_photo=False))
        if rng.random() < CARDS:
            sure = confidences[at] if confidences else 0.9
            talks.append(Talk((card_talk(rng, scene, sure),)))
        if rng.random() < SECOND_PHOTOS and (talk := second_photo(rng, scenes, at)):
            talks.append(talk)
        row = [transcriber.transcribe(talk) for talk in talks]
        openings = [verdict_drill(rng, scene) for _ in range(VERDICTS)]
        openings += [hand_drill(rng, scene) for _ in range(BY_HAND)]
        openings += [unseen_drill(rng, scene) for _ in range(UNSEEN)]
        if len(scene.products) == 1:
            openings += [person_drill(rng, scene) for _ in range(PEOPLE)]
        if rng.random() < LANGUAGES:
            openings.append(language_drill(rng, scene))
        row += [transcriber.transcribe_opening(one, sees_photo=True) for one in openings]
        # Without photos in drills the model was soon right without a photo, but not with one.
        known = len(scene.products) == 1 and not scene.drawn
        photographed = scene.products[0] if known else None
        for product in [None, *[photographed] * (NAMES - 1)]:
            opening = name_drill(rng, product)
            row.append(transcriber.transcribe_opening(opening, sees_photo=product is not None))
        rng.shuffle(row)
        if rng.random() < STORIES:  # at the front, so that it fits
            row.insert(0, transcriber.transcribe(Talk((story_drill(rng, scene, most),))))
        rows.append(fitting(row, most))
    return rows


def fitting(conversations: list[Conversation], most: int = ROW_TOKENS) -> list[Conversation]:
    """As many of them as fit into a row, in their order: all rows cost what the longest one does,
    and attention its square."""
    row: list[Conversation] = []
    for one in conversations:
        if sum(len(other.ids) for other in [*row, one]) <= most:
            row.append(one)
    return row
