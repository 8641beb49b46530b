"""Two photos in one conversation: together in one turn, or the second one later."""

from random import Random

from demo_model.language.grammar import tasks
from demo_model.language.questions import ask
from demo_model.language.single import Exchange
from demo_model.language.tasks.places import PHOTOS, about_place, comparison, said_of
from demo_model.language.tasks.talk import Talk
from demo_model.language.wording import as_typed
from demo_model.pictures.facts import Scene


def two_photos(rng: Random, first: Scene, second: Scene, at: int) -> Talk:
    """About the photos of two scenes of one product each. `at`: the second's place in the batch."""
    language = rng.choice(["zh", "en"])
    places = PHOTOS[language]
    products = (first.products[0], second.products[0])
    if rng.random() < 0.4:  # the second photo comes later
        turns = [ask(rng, first, language=language, intent=rng.choice(["what", "colour", "gift"]))]
        turns.append(_next_photo(rng, second, language))
        if rng.random() < 0.5:
            turns.append(comparison(rng, products, places, language))
        return Talk(tuple(turns), second=at, second_at=1)
    if rng.random() < 0.6:
        exchange = comparison(rng, products, places, language)
        return Talk((exchange,), second=at)
    exchange, index, intent = about_place(rng, products, places, language)
    exchanges = [exchange]
    if rng.random() < 0.4:
        question = as_typed(rng, tasks(language).phrasing(rng, "other"), language)
        other = 1 - index
        answer = said_of(products[other], places[other], intent, language)
        exchanges.append(Exchange(question, answer, language, (("place", f"{other}:{intent}"),)))
    return Talk(tuple(exchanges), second=at)


def _next_photo(rng: Random, scene: Scene, language: str) -> Exchange:
    """ "And this one?" means what the new photo shows."""
    if rng.random() < 0.6:
        return ask(rng, scene, language=language, intent=rng.choice(["what", "colour", "material"]))
    zh = ("那这个呢", "这个呢", "再看这张", "换一张，这是什么", "这张呢")
    en = ("And this one", "What about this one", "How about this", "And this photo", "Now this one")
    question = as_typed(rng, rng.choice(zh if language == "zh" else en), language, bare=True)
    told = ask(rng, scene, language=language, intent="what").answer
    return Exchange(question, told, language, (("what", ""),))
