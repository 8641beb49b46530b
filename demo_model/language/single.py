"""One question about one thing, with its right answer, before it is typed."""

import re
from dataclasses import dataclass
from random import Random
from types import ModuleType

from demo_model.language import answers_en, answers_zh
from demo_model.language.claims import claim_about, claim_of_more
from demo_model.language.rules import PEOPLE, called
from demo_model.language.sources import Wording, template_of
from demo_model.language.wording import as_typed, reference
from demo_model.pictures.catalogue import KINDS, Name
from demo_model.pictures.facts import Scene

# Things that no picture shows.
THINGS = tuple(
    Name(*pair.split("/"))
    for pair in [
        "狗/dog",
        "猫/cat",
        "花/flower",
        "汽车/car",
        "书/book",
        "苹果/apple",
        "自行车/bicycle",
        "手机/phone",
        "树/tree",
        "桌子/table",
    ]
)
# What people call a thing of another group than the one in the picture.
CALLED = {
    "bag": (Name("包", "bag"), Name("行李箱", "suitcase")),
    "shoe": (Name("鞋", "shoe"), Name("鞋子", "shoe"), Name("凉鞋", "sandal")),
    "clothing": (Name("衣服", "garment"), Name("外套", "jacket"), Name("毛衣", "jumper")),
    "accessory": (Name("项链", "necklace"), Name("戒指", "ring"), Name("手链", "bracelet")),
    "home": (Name("花瓶", "vase"), Name("茶壶", "teapot"), Name("枕头", "pillow")),
}
# Asked about the picture's product and of another one alike.
ATTRIBUTES = ("colour", "material", "brand", "pattern", "style", "price", "size", "genuine")

_HAN = re.compile("[\u4e00-\u9fff]")  # without any, nobody knows which language to answer in
_POSSESSED = re.compile(r"\b(?:my|our|a) (?={who})")


@dataclass(frozen=True)
class Exchange:
    """A question with its right answer. `intents`: what is asked for, with the details. `language`
    is the answer's."""

    question: str
    answer: str
    language: str
    intents: tuple[tuple[str, str], ...]


def answers_in(language: str) -> ModuleType:
    return answers_zh if language == "zh" else answers_en


def single(
    rng: Random, scene: Scene, language: str, intent: str, wording: Wording = Wording.TRAINED
) -> tuple[str, str, str]:
    """The question without politeness, the answer, the detail."""
    key, template = template_of(rng, language, intent, wording)
    fields, detail = _fields(rng, scene, language, key)
    if detail == "newlyweds":  # nobody has some of their own
        template = _POSSESSED.sub("the ", template)
    question = " ".join(template.format(**fields).split())
    if language == "zh" and not _HAN.search(question):
        return single(rng, scene, language, intent, wording)
    return question, str(answers_in(language).answer(intent, scene, detail)), detail


def _fields(rng: Random, scene: Scene, language: str, key: str) -> tuple[dict[str, str], str]:
    """What fills the braces of a phrasing, and the detail that the answer depends on."""
    intent, _, asked = key.partition(":")
    fields = {"it": reference(rng, scene, language)}
    if intent == "genuine":
        return fields, asked
    if intent == "gift":
        person = asked or rng.choice((*PEOPLE, "mum", "mum"))  # mothers are asked about most
        return {**fields, "who": called(rng, person, language)}, person
    if intent in ("absent", "presence"):
        thing = _thing(rng, scene, language, intent)
        return {**fields, "thing": thing, "a_thing": answers_en.article(thing)}, thing
    if intent == "not_visible_claim":
        claim, detail = claim_of_more(rng, scene, language)
        return {**fields, "claim": claim}, detail
    if intent in ("match", "verdict"):
        claim, truth = claim_about(rng, scene, language, bare=intent == "verdict")
        return {**fields, "claim": claim}, f"{truth}:{claim}"
    return fields, ""


def _thing(rng: Random, scene: Scene, language: str, intent: str) -> str:
    seen = [product.kind for product in scene.products]
    # A shopper may call a tote bag a handbag.
    taken = {*seen, *("tote", "handbag")} if {"tote", "handbag"} & set(seen) else set(seen)
    if intent == "presence" and len(seen) == 1 and rng.random() < 0.45:
        name = KINDS[seen[0]].name
    elif rng.random() < 0.3:
        name = rng.choice(THINGS)
    else:
        name = KINDS[rng.choice([key for key in KINDS if key not in taken])].name
    return str(getattr(name, language))


def about_another(rng: Random, scene: Scene, language: str) -> Exchange:
    """What is asked of the picture's product, asked of one that is not there: "are these shoes real
    leather?" """
    seen = {KINDS[product.kind].group for product in scene.products}
    name = rng.choice([name for group in CALLED if group not in seen for name in CALLED[group]])
    if rng.random() < 0.5:
        thing = _thing(rng, scene, language, "absent")
    else:
        thing = str(getattr(name, language))
    lead = rng.choice(("这个", "这款", "这", "那个", "") if language == "zh" else ("this ", "the "))
    if thing.endswith(("鞋", "鞋子", "靴子")) and lead:
        lead = rng.choice(("这双", lead)) if thing != "鞋子" else "这双"
    way = ""
    while "{it}" not in way:
        way = template_of(rng, language, rng.choice(ATTRIBUTES), Wording.TRAINED)[1]
    question = as_typed(rng, " ".join(way.format(it=lead + thing).split()), language)
    answer = answers_in(language).answer("absent", scene, thing)
    return Exchange(question, answer, language, (("absent", thing),))
