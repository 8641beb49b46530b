"""Questions that refer to earlier turns: what was asked, what was answered, the other one."""

import re
from dataclasses import replace
from random import Random

from contract.text.canonical import canonical
from demo_model.language.grammar import tasks
from demo_model.language.otherwise import NO_SHORT_ANSWER
from demo_model.language.questions import ask, follow_up, without_photo
from demo_model.language.single import Exchange
from demo_model.language.sources import by_hand
from demo_model.language.tasks.places import about_place, places_in, said_of
from demo_model.language.wording import as_typed
from demo_model.pictures.facts import Scene

# Words of the answers that do not know, ask back, or doubt.
_UNSURE = re.compile(
    "无法|看不|不认识|可能|请|cannot|does not show|do not know|may be|[Pp]lease|\\?$"
)


def turns_about(rng: Random, scene: Scene) -> list[Exchange]:
    """Two or three turns, of which the last refers to an earlier one."""
    language = rng.choice(["zh", "en"])
    if len(scene.products) == 2 and rng.random() < 0.6:
        return _other_one(rng, scene, language)
    if rng.random() < 0.12:
        return _pressed(rng, scene, language)
    first = ask(rng, scene, language=language)
    earlier = [first]
    if rng.random() < 0.4:
        earlier.append(follow_up(rng, scene, language))
    if rng.random() < 0.25 and len(scene.products) == 1:
        return [*earlier, follow_up(rng, scene, language)]
    return [*earlier, referring(rng, earlier, language)]


def referring(rng: Random, earlier: list[Exchange], language: str) -> Exchange:
    """ "What did I ask?", "say that again", "are you sure?"."""
    kind = rng.choices(["last", "first", "again", "sure"], [4.0, 2.0, 2.0, 1.5])[0]
    question = tasks(language).phrasing(rng, kind)
    zh = language == "zh"
    if kind in ("last", "first"):
        quoted = canonical(earlier[-1 if kind == "last" else 0].question)
        # On a line of its own it is split into the same tokens as where it was asked.
        answer = f"您问的是：\n{quoted}" if zh else f"You asked:\n{quoted}"
        intent = ("recall", quoted)
    elif kind == "again":
        answer = earlier[-1].answer
        intent = ("again", answer)
    else:
        answer = earlier[-1].answer
        if not _UNSURE.search(answer):  # "Yes. I cannot tell" would be both
            answer = f"是的。\n{answer}" if zh else f"Yes.\n{answer}"
        intent = ("again", earlier[-1].answer)
    typed = as_typed(rng, " ".join(question.split()), language)
    return Exchange(typed, answer, language, (intent,))


def _pressed(rng: Random, scene: Scene, language: str) -> list[Exchange]:
    """What no photo tells, and "just say yes or no", which changes nothing."""
    first = ask(rng, scene, language=language, intent=rng.choice(NO_SHORT_ANSWER))
    question = as_typed(rng, tasks(language).phrasing(rng, "just_short"), language, bare=True)
    return [first, Exchange(question, first.answer, language, (("again", first.answer),))]


def quoted_back(rng: Random) -> list[Exchange]:
    """One or two questions of unusual words before any photo, and one about them. What is quoted
    has to be copied token by token, whatever it says."""
    language = rng.choice(["zh", "en"])
    earlier = []
    for _ in range(rng.choice([1, 1, 2])):
        first = without_photo(rng, language)
        earlier.append(replace(first, question=_unusual(rng, first.question, language)))
    return [*earlier, referring(rng, earlier, language)]


def _unusual(rng: Random, question: str, language: str) -> str:
    """With words that somebody wrote about something else, and more slips."""
    others = rng.choice(list(by_hand(language).values()))
    between = " " if language == "en" else ""
    words = question.split(" ") if language == "en" else list(question)
    for _ in range(rng.choice([1, 2, 3])):
        line = re.sub("{.*?}", between, rng.choice(others))
        word = rng.choice(line.split() if language == "en" else re.findall("..", line) or [line])
        words.insert(rng.randrange(len(words) + 1), word)
    return as_typed(rng, between.join(words), language)


def _other_one(rng: Random, scene: Scene, language: str) -> list[Exchange]:
    places = places_in(scene, language)
    first, index, intent = about_place(rng, scene.products, places, language)
    question = as_typed(rng, tasks(language).phrasing(rng, "other"), language)
    other = 1 - index
    answer = said_of(scene.products[other], places[other], intent, language)
    second = Exchange(question, answer, language, (("place", f"{other}:{intent}"),))
    return [first, second]
