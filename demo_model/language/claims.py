"""Claims about a picture, such as "a red leather handbag", half of them true."""

from random import Random

from contract.products.match import match_question
from demo_model.language.answers_en import article
from demo_model.language.grammar import grammar
from demo_model.pictures.catalogue import BRANDS, COLOURS, KINDS, MATERIALS, PATTERNS, Name
from demo_model.pictures.facts import Product, Scene

SHORTLY = {
    "zh": ("只回答是或不是", "请只回答是或不是", "只说是或者不是", "用是或不是回答"),
    "en": ("Answer yes or no", "Just yes or no", "Yes or no", "Answer with yes or no only"),
}
TABLES = {"colour": COLOURS, "pattern": PATTERNS, "material": MATERIALS}


def claim_about(rng: Random, scene: Scene, language: str, *, bare: bool) -> tuple[str, str]:
    """A claim, and `yes` or `no`. `bare`: it may also be one word, as in a search ("red"), or one
    word more than three, without an article."""
    product = rng.choice(scene.products) if scene.products else None
    if product is None:
        product = _any_product(rng)
        return _worded(rng, _said_of(rng, product), language, bare), "no"
    if bare and len(scene.products) == 1 and rng.random() < 0.45:
        return _one_word(rng, product, language)
    said = _said_of(rng, product)
    chance = rng.random()
    if chance < 0.5:
        return _worded(rng, said, language, bare), "yes"
    if chance < 0.68:
        said = _other_kind(rng, said, [p.kind for p in scene.products])
    else:
        said = _one_other(rng, said, product, [p.kind for p in scene.products])
    return _worded(rng, said, language, bare), "no"


def _any_product(rng: Random) -> Product:
    kind = KINDS[rng.choice(list(KINDS))]
    return Product(kind.key, rng.choice(list(COLOURS)), rng.choice(kind.materials), "plain")


def _said_of(rng: Random, product: Product) -> dict[str, str]:
    said = {"kind": product.kind, "colour": product.colour}
    if product.material and rng.random() < 0.35:
        said["material"] = product.material
    if product.pattern != "plain" and rng.random() < 0.3:
        said["pattern"] = product.pattern
    if rng.random() < 0.2:
        del said["colour"]
    return said


def _other_kind(rng: Random, said: dict[str, str], present: list[str]) -> dict[str, str]:
    kind = rng.choice([key for key in KINDS if key not in present])
    other = {**said, "kind": kind}
    for key, values in (("colour", list(COLOURS)), ("material", list(KINDS[kind].materials))):
        if key in other and rng.random() < 0.5:
            other[key] = rng.choice(values)
    return other


def _one_other(
    rng: Random, said: dict[str, str], product: Product, present: list[str]
) -> dict[str, str]:
    """One attribute differs."""
    attribute = rng.choice(list(said))
    choices = {
        "kind": [key for key in KINDS if key not in present],
        "colour": list(COLOURS),
        "pattern": list(PATTERNS),
        "material": list(KINDS[product.kind].materials),
    }[attribute]
    wrong = [value for value in choices if value not in (said[attribute], "plain")]
    return {**said, attribute: rng.choice(wrong)}


def _worded(rng: Random, said: dict[str, str], language: str, bare: bool) -> str:
    names = [table[said[key]] for key, table in TABLES.items() if key in said]
    names.append(KINDS[said["kind"]].name)
    if language == "zh":
        return "".join(name.zh for name in names)
    words = " ".join(name.en for name in names)
    return words if bare and rng.random() < 0.5 else article(words)


def _one_word(rng: Random, product: Product, language: str) -> tuple[str, str]:
    """One attribute of the product, or another value of it."""
    attributes = ["kind", "colour", "pattern", "brand"]
    attribute = rng.choice([*attributes, "material"] if product.material else attributes)
    tables: dict[str, dict[str, Name]] = {
        "kind": {key: kind.name for key, kind in KINDS.items()},
        **TABLES,
        "brand": {brand: Name(brand, brand) for brand in BRANDS},
    }
    seen = getattr(product, attribute) or ""
    if attribute == "material":
        others = [key for key in MATERIALS if key != seen]
    else:
        others = [key for key in tables[attribute] if key != seen]
    true = bool(seen) and rng.random() < 0.5
    value = seen if true else rng.choice(others)
    return str(getattr(tables[attribute][value], language)), "yes" if true else "no"


def shortly(rng: Random, language: str) -> str:
    """A claim to be answered with yes or no alone, half of them as the gateway asks for a score."""
    if rng.random() < 0.5:
        return match_question("{claim}", language)
    asked, short = grammar(language).phrasing(rng, "match"), rng.choice(SHORTLY[language])
    comma, colon = ("，", "：") if language == "zh" else ("? ", ": ")
    return f"{short}{colon}{asked}" if rng.random() < 0.3 else f"{asked}{comma}{short}"
