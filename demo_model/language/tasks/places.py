"""Two products: which place each has, in one picture or in two photos, and what is said of them."""

from dataclasses import dataclass
from random import Random

from demo_model.language import answers_en, answers_zh
from demo_model.language.answers_en import article
from demo_model.language.grammar import tasks
from demo_model.language.rules import PEOPLE, called, suits
from demo_model.language.single import Exchange
from demo_model.language.wording import as_typed
from demo_model.pictures.catalogue import COLOURS, KINDS, MATERIALS, PATTERNS
from demo_model.pictures.facts import Product, Scene
from demo_model.pictures.renderer import frame_of

TOPICS: dict[str, dict[str, tuple[str, ...]]] = {
    "colour": {"zh": ("颜色", "色", "颜色"), "en": ("colour", "color")},
    "material": {"zh": ("材质", "材料", "料子"), "en": ("material", "fabric")},
    "pattern": {"zh": ("花纹", "图案"), "en": ("pattern", "print")},
}


@dataclass(frozen=True)
class Place:
    """What a place is called: in questions in several ways, in answers in one."""

    asked: tuple[str, ...]
    told: str


PHOTOS = {
    "zh": (
        Place(("第一张", "第一张照片里", "第一张图", "前一张", "图一"), "第一张"),
        Place(("第二张", "第二张照片里", "第二张图", "后一张", "图二"), "第二张"),
    ),
    "en": (
        Place(("in the first photo", "in photo 1", "in the first picture"), "first"),
        Place(("in the second photo", "in photo 2", "in the second picture"), "second"),
    ),
}
BESIDE = {
    "zh": (
        Place(("左边", "左侧", "左面", "靠左"), "左边"),
        Place(("右边", "右侧", "右面"), "右边"),
    ),
    "en": (
        Place(("on the left", "on the left side", "to the left"), "left"),
        Place(("on the right", "on the right side", "to the right"), "right"),
    ),
}
ABOVE = {
    "zh": (Place(("上面", "上方", "上边"), "上面"), Place(("下面", "下方", "下边"), "下面")),
    "en": (
        Place(("at the top", "above", "on top"), "upper"),
        Place(("at the bottom", "below", "underneath"), "lower"),
    ),
}


def places_in(scene: Scene, language: str) -> tuple[Place, Place]:
    """Of a picture of two products: they stand above each other in upright pictures."""
    upright = frame_of(scene.seed) in ("portrait", "tall")
    return ABOVE[language] if upright else BESIDE[language]


def short(product: Product, language: str) -> str:
    """红色手提包, red handbag"""
    colour, kind = COLOURS[product.colour], KINDS[product.kind].name
    return f"{colour.zh}{kind.zh}" if language == "zh" else f"{colour.en} {kind.en}"


def said_of(product: Product, place: Place, intent: str, language: str) -> str:
    """The answer about the product at a place, as about one alone but for its name."""
    alone = Scene(0, (product,))
    if language == "zh":
        told = str(answers_zh.answer(intent, alone))
        return told.replace("这款", f"{place.told}的", 1).replace("这是", f"{place.told}是", 1)
    told = str(answers_en.answer(intent, alone))
    told = told.replace("This is", f"The {place.told} one is", 1)
    return told.replace("The ", f"The {place.told} ", 1) if intent != "what" else told


def about_place(
    rng: Random, products: tuple[Product, ...], places: tuple[Place, Place], language: str
) -> tuple[Exchange, int, str]:
    """A question about the product at one place; which of the two, and about what."""
    index = rng.randrange(2)
    attributes = ["what", "colour", "colour", "pattern"]
    if all(product.material for product in products):
        attributes.append("material")
    intent = rng.choice(attributes)
    way = "what_place" if intent == "what" else "of_place"
    question = tasks(language).phrasing(rng, way)
    topic = "" if intent == "what" else rng.choice(TOPICS[intent][language])
    question = question.format(place=rng.choice(places[index].asked), topic=topic)
    answer = said_of(products[index], places[index], intent, language)
    detail = f"{index}:{intent}"
    typed = as_typed(rng, question, language)
    return Exchange(typed, answer, language, (("place", detail),)), index, intent


def each_named(
    products: tuple[Product, ...], places: tuple[Place, Place], language: str, verdicts: list[bool]
) -> str:
    """ "左边是红色手提包：是，右边是…：不是", the verdicts where they are asked for."""
    parts = []
    for index, (product, place) in enumerate(zip(products, places, strict=True)):
        name = short(product, language)
        if language == "zh":
            told, yes, no, colon = f"{place.told}是{name}", "是", "不是", "："
        else:
            told, yes, no, colon = f"the {place.told} one is {article(name)}", "yes", "no", ": "
        parts.append(told + (colon + (yes if verdicts[index] else no) if verdicts else ""))
    text = ("，" if language == "zh" else ", ").join(parts)
    return text if language == "zh" else text[0].upper() + text[1:]


def _concluded(verdicts: list[bool], places: tuple[Place, Place], language: str) -> str:
    if language == "zh":
        which = "两个都是" if all(verdicts) else "两个都不是"
        if any(verdicts) and not all(verdicts):
            which = f"是{places[verdicts.index(True)].told}那个"
        return f"，所以{which}。"
    which = "both" if all(verdicts) else "neither"
    if any(verdicts) and not all(verdicts):
        which = f"the {places[verdicts.index(True)].told} one"
    return f", so {which}."


def comparison(
    rng: Random, products: tuple[Product, ...], places: tuple[Place, Place], language: str
) -> Exchange:
    """Which of two suits a person or has a value; what both are; whether they are the same."""
    chance = rng.random()
    if chance < 0.5:
        person = rng.choice((*PEOPLE, "mum", "mum"))
        question = tasks(language).phrasing(rng, "suits_more")
        question = question.format(who=called(rng, person, language))
        verdicts = [suits(product, person) for product in products]
        intent = ("suits_more", person)
    elif chance < 0.75:
        attributes = ["colour", "colour", "pattern"]
        if all(product.material for product in products):
            attributes.append("material")
        attribute = rng.choice(attributes)
        value = getattr(rng.choice(products), attribute)
        table = {"colour": COLOURS, "material": MATERIALS, "pattern": PATTERNS}[attribute]
        name = str(getattr(table[value], language))
        question = tasks(language).phrasing(rng, "which").format(value=name)
        verdicts = [getattr(product, attribute) == value for product in products]
        intent = ("which", f"{attribute}:{value}")
    elif chance < 0.9:
        question = tasks(language).phrasing(rng, "both")
        verdicts, intent = [], ("both", "")
    else:
        question = tasks(language).phrasing(rng, "same")
        verdicts, intent = [], ("same", "")
    answer = each_named(products, places, language, verdicts)
    if intent[0] == "suits_more":
        if language == "zh":
            answer = f"送给{PEOPLE[person].zh}的话，{answer}"
        else:
            answer = f"{answers_en.for_whom(person)}, t{answer[1:]}"
    if intent[0] == "same":
        alike = products[0].kind == products[1].kind
        if language == "zh":
            answer += "，所以是同一种。" if alike else "，所以不是同一种。"
        else:
            answer += (
                ", so they are the same kind." if alike else ", so they are not the same kind."
            )
    else:
        answer += _concluded(verdicts, places, language) if verdicts else _end(language)
    typed = as_typed(rng, " ".join(question.split()), language)
    return Exchange(typed, answer, language, (intent,))


def _end(language: str) -> str:
    return "。" if language == "zh" else "."
