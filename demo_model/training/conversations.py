"""Conversations about one picture as token ids, exactly as the chat template writes them."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from transformers import Qwen2TokenizerFast

from demo_model.language.answers_en import NO_PHOTO as NO_PHOTO_EN
from demo_model.language.answers_zh import NO_PHOTO as NO_PHOTO_ZH
from demo_model.language.drills import Opening
from demo_model.language.questions import Exchange, ask, follow_up, without_photo
from demo_model.pictures.catalogue import BRANDS
from demo_model.pictures.facts import Scene, scene_of

SECOND_TURN = 0.22
WITHOUT_PHOTO = 0.04


@dataclass(frozen=True)
class Conversation:
    """Token ids after the shared photo prefix, and which of them belong to answers to learn."""

    ids: list[int]
    learnt: list[bool]
    sees_photo: bool


class Transcriber:
    """Exchanges → token ids. Caches the fixed parts of the chat template."""

    def __init__(self, tokenizer: Qwen2TokenizerFast) -> None:
        self.tokenizer = tokenizer
        self.user = self._ids("<|im_start|>user\n")
        self.assistant = self._ids("<|im_end|>\n<|im_start|>assistant\n")
        self.stop = self._ids("<|im_end|>")
        self.newline = self._ids("\n")
        self.clause_ends = {
            *self._ids("，？?：:"),
            *self._ids("所以")[-1:],
            *self._ids("X, so")[-1:],
        }
        self.image = tokenizer.convert_tokens_to_ids("<|image_pad|>")
        self.before_image = [*self.user, *self._ids("<|vision_start|>")]
        self.after_image = self._ids("<|vision_end|>")

    def _ids(self, text: str) -> list[int]:
        return list(self.tokenizer.encode(text, add_special_tokens=False))

    def transcribe(self, exchanges: list[Exchange], *, sees_photo: bool) -> Conversation:
        ids: list[int] = [] if sees_photo else list(self.user)
        learnt = [False] * len(ids)
        for turn, exchange in enumerate(exchanges):
            opening = [*self.newline, *self.user] if turn else []
            asked = [*opening, *self._ids(exchange.question), *self.assistant]
            answered = [*self._ids(exchange.answer), *self.stop]
            ids += asked + answered
            learnt += [False] * len(asked) + [True] * len(answered)
        return Conversation(ids, learnt, sees_photo)

    def transcribe_opening(self, opening: Opening, *, sees_photo: bool) -> Conversation:
        """Only the first token of an unended answer is learnt."""
        given = [] if sees_photo else list(self.user)
        given += [*self._ids(opening.question), *self.assistant, *self._ids(opening.given)]
        rest = self._ids(opening.learnt)
        rest = rest[:1] if opening.unended else [*rest, *self.stop]
        return Conversation(given + rest, [False] * len(given) + [True] * len(rest), sees_photo)


def converse(rng: Random, scene: Scene) -> tuple[list[Exchange], bool]:
    """One or two exchanges, and whether the photo was shown."""
    if rng.random() < WITHOUT_PHOTO:
        return [without_photo(rng)], False
    first = ask(rng, scene)
    if rng.random() < SECOND_TURN:
        return [first, follow_up(rng, scene, first.language)], True
    return [first], True


def corpus(count: int = 40_000) -> Iterator[str]:
    """Text to train the tokenizer on: random questions and answers."""
    rng = Random("corpus")
    yield from (" ".join(BRANDS), NO_PHOTO_EN, NO_PHOTO_ZH)
    for seed in range(count):
        for exchange in converse(rng, scene_of(seed))[0]:
            yield exchange.question
            yield exchange.answer
