"""Generates questions about a scene with their right answers, in two languages."""

from collections.abc import Sequence
from random import Random

from demo_model.language.otherwise import NO_SHORT_ANSWER, in_pinyin, shortened
from demo_model.language.rules import PEOPLE, called
from demo_model.language.single import Exchange, about_another, answers_in, single
from demo_model.language.sources import Wording, has
from demo_model.language.wording import as_typed
from demo_model.pictures.facts import Scene

# How often each intent is asked.
WEIGHTS = {
    "match": 8.0,
    "material": 4.0,
    "absent": 3.5,
    # Whether a wooden chair is real leather: the answer compares two materials.
    "genuine": 3.0,
    "not_visible": 2.0,
    "not_visible_claim": 2.5,
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
    *("price", "genuine", "authentic", "size", "not_visible"),
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
# What a bare list may name: "颜色材质价格".
LISTED = {
    **FOLLOW_UPS,
    "size": (("尺寸", "大小"), ("size",)),
    "audience": (("适合谁", "适合什么人"), ("who it suits", "who for")),
}


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
        if wording == Wording.TRAINED and (put := _otherwise(rng, scene, language, intent)):
            return put
    question, answer, detail = single(rng, scene, language, intent, wording)
    # These questions end with how to answer, so nothing like "please?" follows.
    typed = as_typed(rng, question, language, bare=intent == "verdict")
    return Exchange(typed, answer, language, ((intent, detail),))


def _otherwise(rng: Random, scene: Scene, language: str, intent: str) -> Exchange | None:
    """The same intent put otherwise, now and then."""
    chance = rng.random()
    if intent == "absent" and chance < 0.4:
        return about_another(rng, scene, language)
    if intent in NO_SHORT_ANSWER and chance < 0.15:
        question, answer, detail = single(rng, scene, language, intent)
        typed = as_typed(rng, shortened(rng, question, language), language, bare=True)
        return Exchange(typed, answer, language, ((intent, detail),))
    if language == "zh" and chance > 0.96:
        detail = "leather" if intent == "genuine" else ""
        if pinyin := in_pinyin(rng, f"genuine:{detail}" if detail else intent):
            answer = answers_in("zh").answer(intent, scene, detail)
            return Exchange(pinyin, answer, "zh", ((intent, detail),))
    return None


def combined(
    rng: Random, scene: Scene, language: str, pair: tuple[str, str] | None = None
) -> Exchange:
    """Several intents in one question: those given, or two or three random ones."""
    zh = language == "zh"
    if not pair and rng.random() < 0.12:
        return _listed(rng, scene, language)
    intents = pair or rng.sample(COMBINED, 3 if rng.random() < 0.2 else 2)
    question, answers, details = "", list[str](), list[str]()
    for intent in intents:
        one, answer, detail = single(rng, scene, language, intent)
        if question and zh:
            question += rng.choice(["？", "?", "，", "？还有，", "，另外", "？另外，", " "])
        elif question:
            question += rng.choice(["? ", ", and ", " and ", "? Also, ", ". "])
        begins = not question or question.endswith(("? ", ". ")) or zh
        question += one if begins else one[0].lower() + one[1:]
        answers.append(answer)
        details.append(detail)
    return _several(as_typed(rng, question, language), answers, language, intents, details)


def _listed(rng: Random, scene: Scene, language: str) -> Exchange:
    """Two to four topics and little else: "颜色材质品牌价格", "what colour material brand"."""
    intents = rng.sample(list(LISTED), rng.choices([2, 3, 4], [2, 2, 1])[0])
    zh = language == "zh"
    topics = [rng.choice(LISTED[intent][0 if zh else 1]) for intent in intents]
    if zh:
        lead = rng.choice(["", "", "", "说下", "想知道", "这个", "请问", "告诉我"])
        question = lead + rng.choice(["", "", "、", "，", " ", "和", "？"]).join(topics)
        question += rng.choice(["", "", "分别是什么", "都是啥", "呢"])
    else:
        lead = rng.choice(["", "", "what ", "what's the ", "tell me ", "I need the "])
        question = lead + rng.choice([" ", ", ", " and ", "/", "? ", " + "]).join(topics)
    answers = [str(answers_in(language).answer(intent, scene)) for intent in intents]
    typed = as_typed(rng, question, language)
    return _several(typed, answers, language, intents, [""] * len(intents))


def _several(
    question: str,
    answers: list[str],
    language: str,
    intents: Sequence[str],
    details: list[str],
) -> Exchange:
    """Nothing is said twice."""
    answer = ("" if language == "zh" else " ").join(dict.fromkeys(answers))
    return Exchange(question, answer, language, tuple(zip(intents, details, strict=True)))


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
