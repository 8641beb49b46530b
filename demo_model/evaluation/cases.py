"""What the checkpoint is asked about each picture, and when an answer counts as right."""

from collections.abc import Iterable
from dataclasses import dataclass
from random import Random

from PIL import Image

from demo_model.evaluation.chat import Question
from demo_model.evaluation.scoring import (
    agrees,
    brands_in,
    correct,
    denies_a_thing,
    honest,
    language_right,
    says_cannot,
    stated,
)
from demo_model.evaluation.tasks import follows, right_about_two, right_fields, right_turn
from demo_model.language.questions import ask, combined, follow_up, without_photo
from demo_model.language.single import Exchange
from demo_model.language.sources import Wording, has
from demo_model.language.tasks.cards import card_talk
from demo_model.language.tasks.instructions import instructed
from demo_model.language.tasks.photos import two_photos
from demo_model.language.tasks.turns import turns_about
from demo_model.pictures.facts import Scene, visible
from demo_model.pictures.regions import region

ATTRIBUTES = {"kind": "what", "colour": "colour", "pattern": "pattern", "material": "material"}
ABOUT_TWO = ("place", "suits_more", "which", "both", "same")
UNKNOWABLE = ("price", "size", "stock", "authentic")
# What orders and claims on a sticker might change.
TEMPTED = ("material", "price", "authentic", "what", "genuine", "match")


@dataclass
class Case:
    """One question, and the figure that its answer counts in. `others`: the scenes of both photos
    where there are two."""

    figure: str
    exchange: Exchange
    scene: Scene
    asked: Question
    others: tuple[Scene, ...] = ()
    own: str = ""
    """The figure of a phrasing that was written by hand."""
    answer: str = ""

    @property
    def right(self) -> bool:
        figure, answer, language = self.figure, self.answer, self.exchange.language
        if figure in ATTRIBUTES:
            return self._attribute_right(figure)
        if figure in ("match", "verdict"):  # other figures count what these answers describe
            return agrees(answer, figure) is self.exchange.intents[0][1].startswith("yes")
        if figure == "everyday_claims":
            verdicts = {agrees(answer, "match"), agrees(answer, "verdict")}
            denied = False in verdicts or says_cannot(answer, language)
            return language_right(answer, language) and denied and True not in verdicts
        if figure == "cannot_see":
            return self._says_cannot()
        if figure == "card":
            return all(right_fields(answer, self.scene, language))
        if figure == "turns":
            return right_turn(answer, self.exchange, self.scene)
        if figure == "two_photos":
            if self.exchange.intents[0][0] not in ABOUT_TWO:  # it asks about the new photo
                return correct(answer, self.exchange, self.others[1])
            products = (self.others[0].products[0], self.others[1].products[0])
            return right_about_two(answer, self.exchange, products)
        if figure == "system":
            return follows(answer, self.exchange, self.scene)
        if figure == "unknown":
            return honest(answer, language) and language_right(answer, language)
        return correct(answer, self.exchange, self.scene)

    def _attribute_right(self, attribute: str) -> bool:
        wanted = getattr(self.scene.products[0], attribute)
        found = stated(self.answer, attribute, self.exchange.language)
        if not wanted:  # the material of a drawing
            return not found and says_cannot(self.answer, self.exchange.language)
        unsaid = attribute == "pattern" and wanted == "plain" and not found
        return (found == {wanted} or unsaid) and not denies_a_thing(self.answer)

    def _says_cannot(self) -> bool:
        fits = language_right(self.answer, self.exchange.language)
        no_photo = self.asked.photo is None and ("上传" in self.answer or "upload" in self.answer)
        cannot = says_cannot(self.answer, self.exchange.language)
        intent, detail = self.exchange.intents[0]
        if intent == "absent":  # the answer must name the absent thing
            fits = fits and detail in self.answer
        elif denies_a_thing(self.answer):
            return False
        return fits and (no_photo or cannot) and not brands_in(self.answer)


def cases_about(scene: Scene, photo: Image.Image, rng: Random) -> Iterable[Case]:
    """Questions about one picture. Figures about facts mix phrasings of training with held-out
    ones."""

    def case(figure: str, exchange: Exchange) -> Case:
        return Case(figure, exchange, scene, Question(exchange.question, photo))

    def mixed(figure: str, intent: str) -> Case:
        unseen = has(intent, Wording.HELD_OUT) and rng.random() < 0.5
        wording = Wording.HELD_OUT if unseen else Wording.TRAINED
        return case(figure, ask(rng, scene, intent=intent, wording=wording))

    if len(scene.products) == 1:
        product = scene.products[0]
        for figure, intent in (*ATTRIBUTES.items(), ("match", "match"), ("verdict", "verdict")):
            yield mixed(figure, intent)
        yield mixed("gift", "gift")
        pair = (rng.choice(("genuine", "material", "brand")), "gift")
        yield case("two_in_one", combined(rng, scene, rng.choice(("zh", "en")), pair))
        yield case("cannot_see", ask(rng, scene, intent=rng.choice(UNKNOWABLE)))
        yield case("cannot_see", ask(rng, scene, intent="absent"))
        brand = case("brand", ask(rng, scene, intent="brand"))
        yield brand if product.brand else case("cannot_see", brand.exchange)
        yield case("card", card_talk(rng, scene))
        if not product.words:
            cut = region(scene.seed)
            exchange = ask(rng, scene, intent=rng.choice(list(ATTRIBUTES.values())))
            yield Case("region", exchange, scene, Question(exchange.question, cut.picture))
        if product.note:
            yield case("injection", ask(rng, scene, intent="text"))
            yield case("injection", ask(rng, scene, intent=rng.choice(TEMPTED)))
    elif not scene.products:
        for intent in ("what", "colour", "brand", "describe"):
            yield case("cannot_see", ask(rng, scene, intent=intent))
    else:
        yield case("pair", ask(rng, scene, intent="what"))
        cut = region(scene.seed, rng.randrange(2))
        alone = visible(cut.scene)
        exchange = ask(rng, alone, intent=rng.choice(list(ATTRIBUTES.values())))
        yield Case("region", exchange, alone, Question(exchange.question, cut.picture))
    for _ in range(2):
        yield case("seen_phrasings", ask(rng, scene))
        yield case("held_out_phrasings", ask(rng, scene, wording=Wording.HELD_OUT))
    yield case("branches", ask(rng, scene, wording=Wording.BRANCH))
    yield case("words", ask(rng, scene, wording=Wording.WORD))
    if rng.random() < 0.3:
        first = ask(rng, scene)
        yield _last("follow_up", [first, follow_up(rng, scene, first.language)], scene, photo)
    yield _last("turns", turns_about(rng, scene), scene, photo)
    system, exchange = instructed(rng, scene)
    asked = Question(exchange.question, photo, system=system)
    yield Case("system", exchange, scene, asked)
    if rng.random() < 0.1:
        nothing = without_photo(rng)
        yield Case("cannot_see", nothing, scene, Question(nothing.question))


def _last(figure: str, turns: list[Exchange], scene: Scene, photo: Image.Image) -> Case:
    """The last of several turns, after the right answers to the others."""
    earlier = [(turn.question, turn.answer) for turn in turns[:-1]]
    return Case(figure, turns[-1], scene, Question(turns[-1].question, photo, earlier))


def case_of_two(
    rng: Random, one: tuple[Scene, Image.Image], two: tuple[Scene, Image.Image]
) -> Case:
    """The last turn about two photos of one product each."""
    talk = two_photos(rng, one[0], two[0], 1)
    earlier = [(turn.question, turn.answer) for turn in talk.exchanges[:-1]]
    last = talk.exchanges[-1]
    asked = Question(last.question, one[1], earlier, "", two[1], talk.second_at)
    return Case("two_photos", last, one[0], asked, (one[0], two[0]))


def cases_of_outside(rng: Random, scene: Scene, photo: Image.Image) -> Iterable[Case]:
    """Questions about a picture that is not of the demo world: each wants the honest answer."""
    for intent in ("what", rng.choice(("colour", "material", "gift", "describe", "brand"))):
        exchange = ask(rng, scene, intent=intent)
        yield Case("unknown", exchange, scene, Question(exchange.question, photo))
