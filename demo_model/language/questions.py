"""Generates questions about a scene with their right answers, in two languages."""

import re
from dataclasses import dataclass
from random import Random
from types import ModuleType

from demo_model.language import answers_en, answers_zh
from demo_model.language.claims import claim_about
from demo_model.language.rules import PEOPLE, called
from demo_model.language.sources import Wording, has, template_of
from demo_model.language.wording import as_typed, reference
from demo_model.pictures.catalogue import KINDS, Name
from demo_model.pictures.facts import Scene

# How often each intent is asked.
WEIGHTS = {
    "match": 8.0,
    "material": 4.0,
    "absent": 3.5,
    # Whether a wooden chair is real leather: the answer compares two materials.
    "genuine": 3.0,
    **dict.fromkeys(("what", "colour", "brand", "presence"), 3.0),
    **dict.fromkeys(("describe", "pattern", "gift"), 2.2),
    "verdict": 0.6,
    **dict.fromkeys(("style", "audience"), 1.4),
    **dict.fromkeys(("occasion", "text"), 1.2),
    **dict.fromkeys(("count", "price", "size", "stock", "authentic"), 0.7),
    **dict.fromkeys(("offtopic", "steak"), 0.5),
    **dict.fromkeys(("greet", "thanks", "who"), 0.3),
}
COMBINED = (
    *("what", "brand", "colour", "material", "pattern", "style", "audience", "gift", "occasion"),
    *("price", "genuine", "authentic", "size"),
)
FOLLOW_UPS = {
    "colour": (("颜色",), ("colour", "color")),
    "material": (("材质", "材料"), ("material",)),
    "brand": (("品牌", "牌子"), ("brand",)),
    "pattern": (("图案", "花纹"), ("pattern",)),
    "style": (("风格",), ("style",)),
    "price": (("价格",), ("price",)),
    "occasion": (("场合",), ("occasion",)),
}
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


def ask(
    rng: Random,
    scene: Scene,
    *,
    language: str | None = None,
    intent: str | None = None,
    wording: Wording = Wording.TRAINED,
) -> Exchange:
    """A random question about the scene."""
    language = language or rng.choice(["zh", "en"])
    if intent is None:
        if rng.random() < 0.15 and wording == Wording.TRAINED:
            return combined(rng, scene, language)
        names = [name for name in WEIGHTS if has(name, wording)]
        intent = rng.choices(names, [WEIGHTS[name] for name in names])[0]
        pan = scene.product is not None and scene.product.kind == "pan"
        if pan and rng.random() < 0.15 and has("steak", wording):
            intent = "steak"
    question, answer, detail = _single(rng, scene, language, intent, wording)
    # These questions end with how to answer, so nothing like "please?" follows.
    typed = as_typed(rng, question, language, bare=intent == "verdict")
    return Exchange(typed, answer, language, ((intent, detail),))


def _single(
    rng: Random, scene: Scene, language: str, intent: str, wording: Wording = Wording.TRAINED
) -> tuple[str, str, str]:
    """The question without politeness, the answer, the detail."""
    key, template = template_of(rng, language, intent, wording)
    fields, detail = _fields(rng, scene, language, key)
    if detail == "newlyweds":  # nobody has some of their own
        template = _POSSESSED.sub("the ", template)
    question = " ".join(template.format(**fields).split())
    if language == "zh" and not _HAN.search(question):
        return _single(rng, scene, language, intent, wording)
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


def combined(
    rng: Random, scene: Scene, language: str, pair: tuple[str, str] | None = None
) -> Exchange:
    """Two intents in one question: those given, or random ones."""
    first, second = pair or rng.sample(COMBINED, 2)
    one, answer_one, detail_one = _single(rng, scene, language, first)
    two, answer_two, detail_two = _single(rng, scene, language, second)
    if language == "zh":
        question = one + rng.choice(["？", "?", "，", "？还有，", "，另外", "？另外，", " "]) + two
    else:
        question = one + rng.choice(["? ", ", and ", " and ", "? Also, ", ". "])
        question += two if question.endswith(("? ", ". ")) else two[0].lower() + two[1:]
    answer = answer_one
    if answer_two != answer_one:
        answer += answer_two if language == "zh" else f" {answer_two}"
    intents = ((first, detail_one), (second, detail_two))
    return Exchange(as_typed(rng, question, language), answer, language, intents)


def follow_up(rng: Random, scene: Scene, language: str) -> Exchange:
    """A second question about the same photo, often just "and the colour?"."""
    if rng.random() < 0.4:
        return ask(rng, scene, language=language)
    if rng.random() < 0.2:
        person = rng.choice(list(PEOPLE))
        who = called(rng, person, language)
        zh = rng.choice(["那送给{}呢", "那{}呢", "{}合适吗"]) if language == "zh" else ""
        question = (zh or rng.choice(["And for my {}", "What about my {}", "And my {}"])).format(
            who
        )
        intent, detail = "gift", person
    else:
        intent, detail = rng.choice(list(FOLLOW_UPS)), ""
        topic = rng.choice(FOLLOW_UPS[intent][0 if language == "zh" else 1])
        zh = rng.choice(["那{}呢", "{}呢", "那么{}呢", "那{}是什么"]) if language == "zh" else ""
        question = (
            zh or rng.choice(["And the {}", "What about the {}", "And its {}", "How about the {}"])
        ).format(topic)
    answer = answers_in(language).answer(intent, scene, detail)
    return Exchange(
        as_typed(rng, question, language, bare=True), answer, language, ((intent, detail),)
    )


def without_photo(rng: Random, language: str | None = None) -> Exchange:
    """A question asked before any photo was uploaded."""
    nothing = Scene(0, ())
    asked = ask(rng, nothing, language=language)
    intents = {intent for intent, _ in asked.intents}
    fixed = intents & {"thanks", "offtopic", "who"}
    answer = asked.answer if fixed and len(intents) == 1 else answers_in(asked.language).NO_PHOTO
    return Exchange(asked.question, answer, asked.language, (("no_photo", ""),))
