"""Generates questions about a scene with their right answers, in two languages."""

from dataclasses import dataclass
from random import Random

from demo_model.language import answers_en, answers_zh, phrasings_en, phrasings_zh
from demo_model.language.rules import PEOPLE, called
from demo_model.language.wording import as_typed, reference
from demo_model.pictures.catalogue import COLOURS, KINDS, MATERIALS, PATTERNS, Name
from demo_model.pictures.facts import Product, Scene

# How often each intent is asked.
WEIGHTS = {
    "match": 8.0,
    "material": 4.0,
    "absent": 3.5,
    **dict.fromkeys(("what", "colour", "brand", "presence"), 3.0),
    **dict.fromkeys(("describe", "pattern", "gift"), 2.2),
    "verdict": 0.6,
    **dict.fromkeys(("genuine", "style", "audience"), 1.4),
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


@dataclass(frozen=True)
class Exchange:
    """A question with its right answer. `intents`: what is asked for, with the details."""

    question: str
    answer: str
    language: str
    intents: tuple[tuple[str, str], ...]


def has_held_out(intent: str) -> bool:
    return any(key.split(":")[0] == intent for key in phrasings_zh.HELD_OUT)


def ask(
    rng: Random,
    scene: Scene,
    *,
    language: str | None = None,
    intent: str | None = None,
    held_out: bool = False,
) -> Exchange:
    """A random question about the scene. `held_out`: use only phrasings that training does not."""
    language = language or rng.choice(["zh", "en"])
    if intent is None:
        if rng.random() < 0.15 and not held_out:
            return combined(rng, scene, language)
        names = [name for name in WEIGHTS if not held_out or has_held_out(name)]
        intent = rng.choices(names, [WEIGHTS[name] for name in names])[0]
        if scene.product and scene.product.kind == "pan" and rng.random() < 0.15:
            intent = "steak"
    question, answer, detail = _single(rng, scene, language, intent, held_out)
    # These questions end with how to answer, so nothing like "please?" follows.
    typed = as_typed(rng, question, language, bare=intent == "verdict")
    return Exchange(typed, answer, language, ((intent, detail),))


def _single(
    rng: Random, scene: Scene, language: str, intent: str, held_out: bool
) -> tuple[str, str, str]:
    """The question without politeness, the answer, the detail."""
    phrasings, answers = (
        (phrasings_zh, answers_zh) if language == "zh" else (phrasings_en, answers_en)
    )
    source = phrasings.HELD_OUT if held_out else phrasings.SEEN
    keys = [key for key in source if key.split(":")[0] == intent]
    weights = [5.0 if key.endswith("leather") else 1.0 for key in keys]
    key = rng.choices(keys, weights)[0]
    templates = source[key]
    index = rng.randrange(len(templates))
    fields, detail = _fields(rng, scene, language, key)
    question = templates[index].format(**fields)
    return question, answers.answer(intent, scene, detail, index), detail


def _fields(rng: Random, scene: Scene, language: str, key: str) -> tuple[dict[str, str], str]:
    """What fills the braces of a phrasing, and the detail that the answer depends on."""
    intent, _, asked = key.partition(":")
    fields = {"it": reference(rng, scene, language)}
    if intent == "genuine":
        return fields, asked
    if intent == "gift":
        person = rng.choice((*PEOPLE, "mum", "mum"))  # mothers are asked about most
        return {**fields, "who": called(rng, person, language)}, person
    if intent in ("absent", "presence"):
        thing = _thing(rng, scene, language, intent)
        return {**fields, "thing": thing, "a_thing": answers_en.article(thing)}, thing
    if intent in ("match", "verdict"):
        claim, truth = _claim(rng, scene, language)
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


def _claim(rng: Random, scene: Scene, language: str) -> tuple[str, str]:
    """A claim such as "a red leather handbag", and whether it is true of the scene."""
    product = scene.product or Product("handbag", "red", "leather", "plain")
    said = {"kind": product.kind, "colour": product.colour}
    if rng.random() < 0.35:
        said["material"] = product.material
    if product.pattern != "plain" and rng.random() < 0.3:
        said["pattern"] = product.pattern
    if rng.random() < 0.2:
        del said["colour"]
    truth, chance = "yes", rng.random()
    if chance < 0.15:  # another kind of product
        truth = "no"
        said["kind"] = rng.choice([key for key in KINDS if key != product.kind])
        for key, values in (("colour", COLOURS), ("material", KINDS[said["kind"]].materials)):
            if key in said:
                said[key] = rng.choice(list(values))
    elif chance < 0.55:  # one attribute differs
        truth = "no"
        attribute = rng.choice(list(said))
        if attribute == "material":
            choices = KINDS[product.kind].materials
        else:
            keys = {"kind": list(KINDS), "colour": list(COLOURS), "pattern": list(PATTERNS)}
            choices = tuple(keys[attribute])
        wrong = [value for value in choices if value not in (said[attribute], "plain")]
        said[attribute] = rng.choice(wrong)
    tables = {"colour": COLOURS, "pattern": PATTERNS, "material": MATERIALS}
    names = [table[said[key]] for key, table in tables.items() if key in said]
    names.append(KINDS[said["kind"]].name)
    if language == "zh":
        return "".join(name.zh for name in names), truth
    return answers_en.article(" ".join(name.en for name in names)), truth


def combined(
    rng: Random, scene: Scene, language: str, pair: tuple[str, str] | None = None
) -> Exchange:
    """Two intents in one question: those given, or random ones."""
    first, second = pair or rng.sample(COMBINED, 2)
    one, answer_one, detail_one = _single(rng, scene, language, first, False)
    two, answer_two, detail_two = _single(rng, scene, language, second, False)
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
    answers = answers_zh if language == "zh" else answers_en
    answer = answers.answer(intent, scene, detail, 0)
    return Exchange(
        as_typed(rng, question, language, bare=True), answer, language, ((intent, detail),)
    )


def without_photo(rng: Random) -> Exchange:
    """A question asked before any photo was uploaded."""
    nothing = Scene(0, ())
    asked = ask(rng, nothing)
    answers = answers_zh if asked.language == "zh" else answers_en
    intents = {intent for intent, _ in asked.intents}
    fixed = intents & {"thanks", "offtopic", "who"}
    answer = asked.answer if fixed and len(intents) == 1 else answers.NO_PHOTO
    return Exchange(asked.question, answer, asked.language, (("no_photo", ""),))
