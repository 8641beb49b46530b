"""What a client's system turn asks for: a language, a length, or nothing that changes an answer."""

from random import Random

from demo_model.language.grammar import tasks
from demo_model.language.questions import WEIGHTS, ask
from demo_model.language.rules import (
    AUDIENCES,
    OCCASIONS,
    STYLES,
    occasion_of,
    style_of,
    suits,
)
from demo_model.language.single import Exchange, answers_in
from demo_model.pictures.catalogue import COLOURS, KINDS, MATERIALS, PATTERNS
from demo_model.pictures.facts import Scene

LANGUAGES = ("zh", "en")
# Intents whose answer may be one word.
SHORT = ("what", "colour", "material", "pattern", "gift", "style", "audience", "occasion", "brand")
# Their answers in full tell the product's description, too.
FULL = ("what", "colour", "material", "pattern", "style")
# Their details are words of the question's language.
IN_ITS_WORDS = ("absent", "presence", "match", "not_visible_claim")


def instructed(rng: Random, scene: Scene) -> tuple[str, Exchange]:
    """A system turn, and a question answered as it asks."""
    written_in, asked_in = rng.choice(LANGUAGES), rng.choice(LANGUAGES)
    answered_in = asked_in
    length = ""
    sentences = []
    ways = tasks(written_in)
    if rng.random() < 0.55:
        answered_in = rng.choice(LANGUAGES)
        sentences.append(ways.phrasing(rng, f"lang_{answered_in}"))
    single = len(scene.products) == 1
    if single and rng.random() < (0.6 if sentences else 0.9):
        length = rng.choice(("short", "short", "full"))
        sentences.append(ways.phrasing(rng, length))
    if not sentences or rng.random() < 0.35:
        sentences.append(ways.phrasing(rng, "neutral"))
    rng.shuffle(sentences)
    full_stop = "。" if written_in == "zh" else "."
    gap = "" if written_in == "zh" else " "
    system = gap.join(" ".join(sentence.split()) + full_stop for sentence in sentences)
    if length:
        seen = scene.products[0].material != ""
        possible = SHORT if length == "short" else FULL
        intent = rng.choice([name for name in possible if seen or name != "material"])
    else:
        intents = [
            name
            for name in WEIGHTS
            if name not in ("absent", "presence", "match", "not_visible_claim")
        ]
        intent = rng.choices(intents, [WEIGHTS[name] for name in intents])[0]
    asked = ask(rng, scene, language=asked_in, intent=intent)
    detail = asked.intents[0][1]
    if length == "short":
        answer = in_short(scene, intent, detail, answered_in)
    else:
        answer = str(answers_in(answered_in).answer(intent, scene, detail))
        if length == "full" and intent != "what":
            gap = "" if answered_in == "zh" else " "
            answer += gap + str(answers_in(answered_in).answer("describe", scene))
        elif length == "full":
            answer = str(answers_in(answered_in).answer("describe", scene))
    kind = f"{length}:{intent}:{detail}"
    return system, Exchange(asked.question, answer, answered_in, (("instructed", kind),))


def in_short(scene: Scene, intent: str, detail: str, language: str) -> str:
    """One word or a few: 红色。 Red. 不适合。"""
    product = scene.products[0]
    zh = language == "zh"
    if intent == "gift":
        fits = suits(product, detail)
        word = ("适合" if fits else "不适合") if zh else ("Suitable" if fits else "Not suitable")
    elif intent == "brand":
        word = product.brand or ("看不到品牌" if zh else "No brand visible")
        word = f"是 {word}" if zh and product.brand else word
    else:
        name = {
            "what": KINDS[product.kind].name,
            "colour": COLOURS[product.colour],
            "material": MATERIALS.get(product.material, KINDS[product.kind].name),
            "pattern": PATTERNS[product.pattern],
            "style": STYLES[style_of(product)],
            "audience": AUDIENCES[product.kind],
            "occasion": OCCASIONS[occasion_of(product)],
        }[intent]
        word = name.zh if zh else name.en[0].upper() + name.en[1:]
    return word + ("。" if zh else ".")
