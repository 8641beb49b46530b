"""Claims about a picture, such as "a red leather handbag", half of them true, and some that say
what no picture shows."""

from functools import cache
from random import Random

from contract.products.match import match_question
from demo_model.language.answers_en import article
from demo_model.language.grammar import HERE, grammar
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
    if product and bare and len(scene.products) == 1 and rng.random() < 0.45:
        return _one_word(rng, product, language)
    said, truth = _said(rng, scene, product)
    return _worded(rng, said, language, bare), truth


def claim_of_more(rng: Random, scene: Scene, language: str) -> tuple[str, str]:
    """A claim with a word for what no picture shows ("a red silk dress", "a Nike backpack"), and
    what its answer depends on: whether the rest of it is true, that rest, and the brand if it names
    one."""
    product = rng.choice(scene.products) if scene.products else None
    said, truth = _said(rng, scene, product)
    if product and rng.random() < 0.4:
        said, truth = _said_of(rng, product), "yes"
    if truth == "yes" and rng.random() < 0.6:  # "Is it a Nike backpack?" tells no colour
        said = {"kind": said["kind"]}
    brand = word = ""
    if rng.random() < 0.55:
        brand = word = _brand_said(rng, product, language)
    else:
        word = str(getattr(rng.choice(claimed()["qualities"]), language))
    claim = _worded(rng, said, language, bare=True, more=word)
    return claim, f"{truth}:{_worded(rng, said, language, bare=False)}:{brand}"


def _brand_said(rng: Random, product: Product | None, language: str) -> str:
    chance = rng.random()
    if product and product.brand and chance < 0.25:
        return product.brand
    if chance < 0.4:
        return rng.choice(list(BRANDS))
    return str(getattr(rng.choice(claimed()["brands"]), language))


@cache
def claimed() -> dict[str, list[Name]]:
    """Brands of the real world, and qualities that no picture of this one shows."""
    lists: dict[str, list[Name]] = {}
    name = ""
    for line in (HERE / "claimed.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            name = line[1:-1]
        elif not line.startswith("#"):
            pairs = [pair.split("/") for pair in line.split("|") if pair]
            lists.setdefault(name, []).extend(Name(zh, en) for zh, en in pairs)
    return lists


def _said(rng: Random, scene: Scene, product: Product | None) -> tuple[dict[str, str], str]:
    if product is None:
        return _said_of(rng, _any_product(rng)), "no"
    said = _said_of(rng, product)
    chance = rng.random()
    if chance < 0.5:
        return said, "yes"
    present = [other.kind for other in scene.products]
    if chance < 0.68:
        return _other_kind(rng, said, present), "no"
    return _one_other(rng, said, product, present), "no"


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


def _worded(rng: Random, said: dict[str, str], language: str, bare: bool, more: str = "") -> str:
    """`more`: a word for what no table has, before the kind or at the front."""
    names = [table[said[key]] for key, table in TABLES.items() if key in said]
    words = [str(getattr(name, language)) for name in names]
    if more:
        words.insert(rng.choice((0, len(words), len(words))), more)
    words.append(str(getattr(KINDS[said["kind"]].name, language)))
    if language == "zh":
        return "".join(words)
    told = " ".join(words)
    return told if bare and rng.random() < 0.5 else article(told)


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
