"""Conversations about one picture as token ids, exactly as the chat template writes them, and asked
as shoppers' questions are: in their canonical text."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

from transformers import Qwen2TokenizerFast

from contract.text.canonical import canonical, plain
from demo_model.language.answers_en import NO_PHOTO as NO_PHOTO_EN
from demo_model.language.answers_en import UNKNOWN as UNKNOWN_EN
from demo_model.language.answers_zh import NO_PHOTO as NO_PHOTO_ZH
from demo_model.language.answers_zh import UNKNOWN as UNKNOWN_ZH
from demo_model.language.drills import Opening
from demo_model.language.questions import ask, follow_up, without_photo
from demo_model.language.tasks.cards import card_talk
from demo_model.language.tasks.instructions import instructed
from demo_model.language.tasks.photos import two_photos
from demo_model.language.tasks.places import about_place, comparison, places_in
from demo_model.language.tasks.talk import Talk
from demo_model.language.tasks.turns import turns_about
from demo_model.pictures.catalogue import BRANDS, NOTES
from demo_model.pictures.facts import Scene, scene_of

SECOND_TURN = 0.14
WITHOUT_PHOTO = 0.04
TURNS = 0.22
INSTRUCTED = 0.14
PLACES = 0.55  # of the talks about two products


@dataclass(frozen=True)
class Conversation:
    """Token ids after the shared photo prefix, and which of them belong to answers to learn.

    `second`: the place in the batch of another photo, which stands in `ids` as one image token."""

    ids: list[int]
    learnt: list[bool]
    sees_photo: bool
    second: int | None = None


class Transcriber:
    """Exchanges → token ids. Caches the fixed parts of the chat template."""

    def __init__(self, tokenizer: Qwen2TokenizerFast) -> None:
        self.tokenizer = tokenizer
        self.user = self._ids("<|im_start|>user\n")
        self.system = self._ids("<|im_start|>system\n")
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
        self.next_image = [*self._ids("<|vision_start|>"), self.image, *self.after_image]

    def _ids(self, text: str) -> list[int]:
        return list(self.tokenizer.encode(text, add_special_tokens=False))

    def transcribe(self, talk: Talk) -> Conversation:
        ids = self._front(talk)
        learnt = [False] * len(ids)
        for turn, exchange in enumerate(talk.exchanges):
            opening = [*self.newline, *self.user] if turn else []
            if turn and talk.second is not None and talk.second_at == turn:
                opening += self.next_image
            asked = [*opening, *self._ids(canonical(exchange.question)), *self.assistant]
            answered = [*self._ids(exchange.answer), *self.stop]
            ids += asked + answered
            learnt += [False] * len(asked) + [True] * len(answered)
        return Conversation(ids, learnt, talk.sees_photo, talk.second)

    def _front(self, talk: Talk) -> list[int]:
        """What stands before the first question, behind the photo if there is one."""
        front: list[int] = []
        if talk.second is not None and talk.second_at == 0:
            front += self.next_image
        if talk.system:
            if talk.sees_photo:
                front += [*self.stop, *self.newline]
            instruction = [*self.system, *self._ids(plain(talk.system)), *self.stop]
            return [*front, *instruction, *self.newline, *self.user]
        return front if talk.sees_photo else [*self.user, *front]

    def transcribe_opening(self, opening: Opening, *, sees_photo: bool) -> Conversation:
        """Only the first token of an unended answer is learnt."""
        given = [] if sees_photo else list(self.user)
        asked = self._ids(canonical(opening.question))
        given += [*asked, *self.assistant, *self._ids(opening.given)]
        rest = self._ids(opening.learnt)
        rest = rest[:1] if opening.unended else [*rest, *self.stop]
        return Conversation(given + rest, [False] * len(given) + [True] * len(rest), sees_photo)


def converse(rng: Random, scene: Scene) -> Talk:
    """One to three exchanges."""
    if rng.random() < WITHOUT_PHOTO:
        return Talk((without_photo(rng),), sees_photo=False)
    if len(scene.products) == 2 and rng.random() < PLACES:
        language = rng.choice(["zh", "en"])
        places = places_in(scene, language)
        if rng.random() < 0.4:
            return Talk((comparison(rng, scene.products, places, language),))
        return Talk((about_place(rng, scene.products, places, language)[0],))
    chance = rng.random()
    if chance < TURNS:
        return Talk(tuple(turns_about(rng, scene)))
    if chance < TURNS + INSTRUCTED:
        system, exchange = instructed(rng, scene)
        return Talk((exchange,), system=system)
    first = ask(rng, scene)
    if rng.random() < SECOND_TURN:
        return Talk((first, follow_up(rng, scene, first.language)))
    return Talk((first,))


def second_photo(rng: Random, scenes: Sequence[Scene], at: int) -> Talk | None:
    """A talk about the photo at that place and another one of the batch, where both show one
    product."""
    others = [i for i, scene in enumerate(scenes) if i != at and len(scene.products) == 1]
    if len(scenes[at].products) != 1 or not others:
        return None
    other = rng.choice(others)
    return two_photos(rng, scenes[at], scenes[other], other)


def corpus(count: int = 40_000) -> Iterator[str]:
    """Text to train the tokenizer on: random questions and answers."""
    rng = Random("corpus")
    yield from (" ".join([*BRANDS, *NOTES]), NO_PHOTO_EN, NO_PHOTO_ZH, UNKNOWN_EN, UNKNOWN_ZH)
    singles: list[Scene] = []
    for seed in range(count):
        scene = scene_of(seed)
        talks = [converse(rng, scene)]
        if seed % 8 == 0:
            talks.append(Talk((card_talk(rng, scene),)))
        if len(scene.products) == 1:
            singles = [*singles[-1:], scene]
            if seed % 4 == 0 and (talk := second_photo(rng, singles, len(singles) - 1)):
                talks.append(talk)
        for talk in talks:
            yield plain(talk.system)
            for exchange in talk.exchanges:
                yield canonical(exchange.question)
                yield exchange.answer
