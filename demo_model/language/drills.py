"""Exercises for what questions about photos teach too seldom.

- What "equal" means: claims differ in one word of three, and few questions name a product.
- The language to answer in: few people type in capitals, and few of them without a question.
- Whom a gift is for: there are fifteen people and twenty kinds of product, and one question often
  asks about a gift and something else.
- What is asked in the midst of a long story.
- What people mean who put things in their own way: they wrote more lines than training asks.
"""

from dataclasses import dataclass, replace
from random import Random

from demo_model.language import answers_en
from demo_model.language.otherwise import after_a_story
from demo_model.language.questions import COMBINED, WEIGHTS, ask, combined
from demo_model.language.rules import PEOPLE
from demo_model.language.single import THINGS, Exchange, answers_in
from demo_model.language.sources import Wording, by_hand, template_of
from demo_model.language.verdicts import compared
from demo_model.language.wording import GROUP_NOUNS, as_typed
from demo_model.pictures.catalogue import COLOURS, KINDS, MATERIALS, PATTERNS
from demo_model.pictures.facts import Product, Scene

# At least as many pairs as claims have. A fixed number would teach positions instead of words.
PAIRS = (2, 3, 4, 5, 6)
# Of everyday sentences: the tokenizer knows the words of shoppers' questions best.
CHARACTERS_A_TOKEN = {"zh": 0.9, "en": 3.1}
STORY_FROM, STORY_REST = 60, 90  # tokens of the shortest story, and left for the answer
# Intents whose answers begin with the name of the product.
NAMED_FIRST = ("colour", "material", "brand", "style", "audience", "occasion")


@dataclass(frozen=True)
class Opening:
    """A question, the first words of the answer, which are given, and the rest, which is learnt.

    If `unended`, the rest is one word only, because what follows depends on a photo.
    """

    question: str
    given: str
    learnt: str
    unended: bool


def word_drill(rng: Random) -> Exchange:
    """Pairs of words to compare, half of them equal."""
    zh = rng.random() < 0.5
    kinds = [kind.name for kind in KINDS.values()]
    tables = [list(table.values()) for table in (COLOURS, PATTERNS, MATERIALS)]
    pairs = []
    for _ in range(rng.choice(PAIRS)):
        names = rng.choice([*tables, kinds, kinds])
        first = rng.choice(names)
        pairs.append((first, first if rng.random() < 0.5 else rng.choice(names)))
    if zh:
        question = "，".join(f"{first.zh}与{second.zh}" for first, second in pairs)
        return Exchange(question, compared(pairs, "zh") + "。", "zh", (("drill", ""),))
    question = ", ".join(f"{first.en} and {second.en}" for first, second in pairs)
    return Exchange(question, compared(pairs, "en") + ".", "en", (("drill", ""),))


def name_drill(rng: Random, product: Product | None = None) -> Opening:
    """A question that names a product. In half of them the answer begins with the same one.

    With a photo, the answer begins with its product, and without one with any.
    """
    zh = rng.random() < 0.5
    language = "zh" if zh else "en"
    answers = answers_in(language)
    kind = KINDS[product.kind] if product else rng.choice(list(KINDS.values()))
    seen = str(getattr(kind.name, language))
    thing = rng.choice([*(k.name for k in KINDS.values() if k is not kind), *THINGS])
    named = seen if (same := rng.random() < 0.5) else str(getattr(thing, language))
    intent = rng.choice((*NAMED_FIRST, *("presence",) * 3))
    if intent != "presence" and not same and rng.random() < 0.8:
        intent = "absent"
    lead = rng.choice(("", "这个", "这款") if zh else ("this ", "the "))
    it = lead + named
    if same and rng.random() < 0.3:  # "this bag" may be a wallet
        it = rng.choice(GROUP_NOUNS[kind.group][0 if zh else 1])
    way = ""
    while "thing}" not in way and "{it}" not in way:
        way = template_of(rng, language, intent, Wording.TRAINED)[1]
    question = way.format(it=it, thing=named, a_thing=answers_en.article(named))
    if product is None:
        material, colour = rng.choice(kind.materials), rng.choice(list(COLOURS))
        product = Product(kind.key, colour, material, "plain")
    scene = Scene(0, (product,))
    told = intent if same or intent == "presence" else "absent"
    answer = answers.answer(told, scene, named)
    place = answer.index(seen) + len(seen)
    typed = as_typed(rng, " ".join(question.split()), language)
    return Opening(typed, answer[:place], answer[place:], unended=told in NAMED_FIRST)


def language_drill(rng: Random, scene: Scene) -> Opening:
    """A question of any intent, often in unusual letter case, and the first word of its answer."""
    asked = ask(rng, scene, intent=rng.choice(list(WEIGHTS)))
    question = rng.choice((str.upper, str.upper, str.title, str.swapcase, str))(asked.question)
    return Opening(question, "", asked.answer, unended=True)


def verdict_drill(rng: Random, scene: Scene) -> Opening:
    """A claim to be answered with yes or no alone, and the first word of the answer."""
    asked = ask(rng, scene, intent="verdict")
    return Opening(asked.question, "", asked.answer, unended=True)


def hand_drill(rng: Random, scene: Scene) -> Opening:
    """What somebody wrote by hand. What is learnt begins where answers of different intents part,
    and of half of the gifts with whom it is for."""
    language = rng.choice(("zh", "en"))
    written = by_hand(language)
    key = rng.choices(list(written), [len(lines) for lines in written.values()])[0]
    intent = key.partition(":")[0]
    asked = ask(rng, scene, language=language, intent=intent, wording=Wording.BY_HAND)
    if intent == "gift" and rng.random() < 0.5:
        return _from_person(asked)
    return _from_parting(asked, scene)


# What no photo shows, and what is near to it.
UNSEEN_AND_NEAR = (
    *("not_visible", "not_visible", "not_visible", "not_visible_claim", "audience", "occasion"),
    *("material", "material", "authentic", "authentic", "colour", "price", "what"),
)


def unseen_drill(rng: Random, scene: Scene) -> Opening:
    """What no photo shows, in the words of the grammar and of people, and what it must not take
    along: with one of two such questions, people's own words for material and authenticity got its
    answer."""
    intent = rng.choice(UNSEEN_AND_NEAR)
    wording = rng.choice((Wording.TRAINED, Wording.BY_HAND))
    return _from_parting(ask(rng, scene, intent=intent, wording=wording), scene)


def _from_parting(asked: Exchange, scene: Scene) -> Opening:
    """What is given ends with the product's name where answers of other intents begin alike."""
    place = 0
    if asked.intents[0][0] in NAMED_FIRST and scene.product and len(scene.products) == 1:
        name = str(getattr(KINDS[scene.product.kind].name, asked.language))
        place = asked.answer.find(name) + len(name) if name in asked.answer else 0
    return Opening(asked.question, asked.answer[:place], asked.answer[place:], unended=False)


def person_drill(rng: Random, scene: Scene) -> Opening:
    """Whom a gift is for, whatever they are called: each of fifteen people has a hundred names."""
    wording = Wording.BY_HAND if rng.random() < 0.6 else Wording.TRAINED
    return _from_person(ask(rng, scene, intent="gift", wording=wording))


def _from_person(asked: Exchange) -> Opening:
    """All before the person is given. An answer about a photo without a product names none."""
    person = getattr(PEOPLE[asked.intents[0][1]], asked.language)
    given = asked.answer[: max(0, asked.answer.find(person))].rstrip()
    return Opening(asked.question, given, asked.answer[len(given) :], unended=False)


def story_drill(rng: Random, scene: Scene, most: int) -> Exchange:
    """A question of any intent in the midst of a story, which takes up to `most` tokens with it."""
    wording = rng.choice((Wording.TRAINED, Wording.TRAINED, Wording.BY_HAND))
    asked = ask(rng, scene, wording=wording)
    tokens = rng.randrange(STORY_FROM, most - STORY_REST)
    length = int(tokens * CHARACTERS_A_TOKEN[asked.language])
    return replace(asked, question=after_a_story(rng, asked.question, asked.language, length))


def gift_drill(rng: Random, scene: Scene) -> Exchange:
    """A question about a gift, alone or together with something else."""
    if rng.random() < 0.4:
        return ask(rng, scene, intent="gift")
    leather = len(scene.products) == 1 and scene.products[0].material == "leather"
    # Leather is one product in seven, but shoppers often ask whether it is genuine.
    if rng.random() < (0.7 if leather else 0.3):
        other = "genuine"
    else:
        other = rng.choice([intent for intent in COMBINED if intent != "gift"])
    pair = (other, "gift") if rng.random() < 0.7 else ("gift", other)
    return combined(rng, scene, rng.choice(("zh", "en")), pair)
