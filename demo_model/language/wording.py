"""How people type questions: names of the product, politeness, punctuation, letter case."""

from random import Random

from demo_model.language import phrasings_en, phrasings_zh
from demo_model.pictures.catalogue import KINDS
from demo_model.pictures.facts import Scene

GROUP_NOUNS = {
    "bag": (("这个包", "这款包", "包包"), ("this bag", "the bag")),
    "shoe": (("这双鞋", "鞋子", "这鞋"), ("this shoe", "the shoe")),
    "clothing": (("这件", "这件衣物"), ("this piece", "this garment")),
    "accessory": (("这件配饰", "这个东西"), ("this accessory", "this thing")),
    "home": (("这个东西", "这件家居用品"), ("this thing", "the item")),
}


def reference(rng: Random, scene: Scene, language: str) -> str:
    """ "It", "this bag", "this handbag": one reference to the product in the picture."""
    zh = language == "zh"
    plain = phrasings_zh.REFERENCES if zh else phrasings_en.REFERENCES
    product = scene.product
    if len(scene.products) != 1 or product is None or rng.random() < 0.5:
        return rng.choice(plain)
    kind = KINDS[product.kind]
    # It is named as often as absent things are. Otherwise a name alone would mean "absent".
    if rng.random() < 0.3:
        return rng.choice(GROUP_NOUNS[kind.group][0 if zh else 1])
    lead = rng.choice(["这个", "这款", ""]) if zh else rng.choice(["this ", "the "])
    return f"{lead}{kind.name.zh if zh else kind.name.en}"


def as_typed(rng: Random, question: str, language: str, *, bare: bool = False) -> str:
    """Politeness, punctuation and letter case as people type them."""
    chance = rng.random()
    if language == "zh":
        if chance < 0.2 and not bare:
            question = (
                rng.choice(
                    ["请问", "请问一下，", "你好，", "您好，请问", "帮我看看，", "麻烦问下，"]
                )
                + question
            )
        return question + rng.choice(
            ["？", "？", "?", "", "", "。", "呀？", "？谢谢"] if not bare else ["？", "?", ""]
        )
    if chance < 0.15 and not bare:
        question = (
            rng.choice(["Hi, ", "Hello, ", "Please, ", "Excuse me, "])
            + question[0].lower()
            + question[1:]
        )
    case = rng.random()
    if case < 0.2:
        question = question.lower()
    elif case < 0.24:
        question = question.upper()
    return question + rng.choice(
        ["?", "?", "?", "", " ?", "??", ", please?"] if not bare else ["?", "?", ""]
    )
