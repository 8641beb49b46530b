"""Judges answers about earlier turns, two products, instructions, and cards, by their facts."""

import re

from contract.errors import ReplicaFailed
from contract.products.card import ProductCard, read_card
from demo_model.evaluation.scoring import agrees, correct, language_right, stated
from demo_model.language.rules import suits
from demo_model.language.single import Exchange, answers_in
from demo_model.language.tasks.cards import card_of
from demo_model.language.tasks.instructions import in_short
from demo_model.pictures.facts import Product, Scene

CARD_FIELDS = [name for name in ProductCard.model_fields if name != "confidence"]
# A short answer may have so many characters more than the shortest.
SHORT_BY = 12


def right_fields(answer: str, scene: Scene, language: str) -> list[bool]:
    """Which fields of a card are right; none where it is no card."""
    try:
        card = read_card(answer).model_dump()
    except ReplicaFailed:
        return [False] * len(CARD_FIELDS)
    wanted = card_of(scene, language, 0.0)
    return [card[name] == wanted[name] for name in CARD_FIELDS]


def right_about_two(answer: str, exchange: Exchange, products: tuple[Product, ...]) -> bool:
    """About two products, in one picture or in two photos. What is concluded counts, and what each
    place is said to show."""
    language = exchange.language
    intent, detail = exchange.intents[0]
    if not language_right(answer, language):
        return False
    if intent == "place":
        index, asked = detail.split(":")
        product = products[int(index)]
        name = "kind" if asked == "what" else asked
        found = stated(answer, name, language)
        unsaid = name == "pattern" and product.pattern == "plain" and not found
        return found == {getattr(product, name)} or unsaid
    conclusion = re.compile("，所以(.*)|, so (.*)")
    wanted, told = conclusion.search(exchange.answer), conclusion.search(answer)
    if wanted is None:
        kinds = [stated(part, "kind", language) for part in re.split("，|, ", answer)][:2]
        return kinds == [{product.kind} for product in products]
    return told is not None and told.groups() == wanted.groups()


def right_turn(answer: str, exchange: Exchange, scene: Scene) -> bool:
    """A question about an earlier turn."""
    intent, detail = exchange.intents[0]
    if intent in ("recall", "again"):
        return detail.rstrip("？?。.") in answer
    if intent == "place":
        return right_about_two(answer, exchange, scene.products)
    return correct(answer, exchange, scene)


def follows(answer: str, exchange: Exchange, scene: Scene) -> bool:
    """Whether an instruction's language and length are kept, and the answer is right."""
    length, intent, *rest = exchange.intents[0][1].split(":")
    detail = ":".join(rest)
    language = exchange.language
    if not language_right(answer, language):
        return False
    if length == "short":
        product = scene.products[0]
        wanted = in_short(scene, intent, detail, language)
        if len(answer) > len(wanted) + SHORT_BY:
            return False
        if intent == "gift":
            negative = "不" in answer or "Not" in answer
            return negative is not suits(product, detail)
        if intent in ("kind", "colour", "material", "pattern"):
            return stated(answer, intent, language) == {getattr(product, intent)}
        return answer == wanted
    plain = Exchange(exchange.question, exchange.answer, language, ((intent, detail),))
    if length == "full":
        other = answers_in(language).answer(intent, scene, detail)
        return len(answer) > len(other) and correct_in_part(answer, intent, scene, language)
    if intent == "verdict":
        return agrees(answer, "verdict") is detail.startswith("yes")
    return correct(answer, plain, scene)


def correct_in_part(answer: str, intent: str, scene: Scene, language: str) -> bool:
    product = scene.products[0]
    if intent in ("colour", "material", "pattern", "what"):
        name = "kind" if intent == "what" else intent
        found = stated(answer, name, language)
        unsaid = name == "pattern" and product.pattern == "plain" and not found - {"plain"}
        return found == {getattr(product, name)} or unsaid
    return product.kind in stated(answer, "kind", language)
