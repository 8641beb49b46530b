"""The right English answer to each intent, given the facts."""

from demo_model.language.rules import (
    AUDIENCES,
    OCCASIONS,
    PEOPLE,
    STYLES,
    occasion_of,
    style_of,
    suits,
    too_sweet,
)
from demo_model.language.verdicts import verdict
from demo_model.pictures.catalogue import COLOURS, KINDS, MATERIALS, PATTERNS
from demo_model.pictures.facts import Product, Scene

LOOKS = {
    "leather": "pebbled leather",
    "canvas": "plain-woven canvas",
    "denim": "twill denim",
    "knit": "knitted fabric",
    "cotton": "soft cotton",
    "satin": "shiny satin",
    "straw": "woven straw",
    "metal": "brushed metal",
    "ceramic": "glazed ceramic",
    "wood": "grained wooden material",
    "plastic": "smooth plastic",
}
NO_PRODUCT = "I cannot see a product in this photo. Please upload a clear product photo."
UNKNOWN = "I do not know what this photo shows, so I cannot tell. Please upload a product photo."
DRAWING = "This is a drawing, so I cannot tell the material."
NO_PHOTO = "Please upload a product photo first, then I can help you."
FIXED = {
    "price": "The photo does not show a price. Please check the product page.",
    "size": "A photo alone cannot tell the size. Please check the product page.",
    "stock": "The photo does not show the stock. Please ask the shop.",
    "authentic": "A photo alone cannot prove that it is authentic. Please ask the shop.",
    "not_visible": "A photo cannot show that. Please check the product page or ask the shop.",
    "thanks": "You are welcome, glad to help.",
    "offtopic": "I can only answer questions about product photos.",
    "who": "I am a demo shopping assistant that only knows product pictures it drew itself.",
}


def article(words: str) -> str:
    """a red handbag, an umbrella, sunglasses"""
    if words.endswith(("sunglasses", "headphones")):
        return f"a pair of {words}"
    return f"{'an' if words[0] in 'aeiouAEIOU' else 'a'} {words}"


def noun(product: Product) -> str:
    """red checked canvas handbag"""
    pattern = "" if product.pattern == "plain" else f"{PATTERNS[product.pattern].en} "
    material = MATERIALS[product.material].en if product.material else ""
    words = f"{COLOURS[product.colour].en} {pattern}{material} {KINDS[product.kind].name.en}"
    return " ".join(words.split())


def _short(product: Product) -> str:
    return f"{COLOURS[product.colour].en} {KINDS[product.kind].name.en}"


def _pair(scene: Scene) -> str:
    first, second = scene.products  # in the order of the picture: the left or upper one first
    return f"{article(_short(first))} and {article(_short(second))}"


def _is(product: Product) -> str:
    return "are" if KINDS[product.kind].plural else "is"


def _name(product: Product) -> str:
    return KINDS[product.kind].name.en


def answer(intent: str, scene: Scene, detail: str = "") -> str:
    """`detail` is a person (gift), a thing (absent), a material (genuine), "no:…" (match)."""
    if intent in ("thanks", "offtopic", "who"):
        return FIXED[intent]
    if intent == "verdict":
        return "Yes" if detail.startswith("yes") else "No"
    if not scene.products:
        return UNKNOWN if scene.outside else NO_PRODUCT
    if len(scene.products) == 2:
        return _about_two(intent, scene)
    product = scene.products[0]
    if intent in FIXED:
        return FIXED[intent]
    if intent in _ABOUT_ONE:
        return _ABOUT_ONE[intent](product, detail)
    return f"This is {article(noun(product))}."


def _about_two(intent: str, scene: Scene) -> str:
    if intent in ("what", "describe", "count", "greet"):
        return f"The photo shows two products: {_pair(scene)}."
    if intent in ("price", "size", "stock", "authentic", "not_visible"):
        return FIXED[intent]
    if intent in ("brand", "text"):
        return "I can see no readable brand mark."
    return f"The photo shows two products: {_pair(scene)}. Which one do you mean?"


def _brand(product: Product, _: str) -> str:
    carries = f"The {_name(product)} {'carry' if KINDS[product.kind].plural else 'carries'}"
    if product.brand:
        return f"{carries} the word {product.brand}, so the brand may be {product.brand}."
    if product.note:
        return f"{carries} the words {product.note}, but no brand mark, so I cannot tell the brand."
    return f"{carries} no readable brand mark, so I cannot tell the brand."


def _text(product: Product, _: str) -> str:
    if product.brand:
        return f"I can read the word {product.brand}."
    if product.note:
        return f"I can read the words {product.note}."
    return "I cannot see any words in the photo."


def _colour(product: Product, _: str) -> str:
    tail = "" if product.pattern == "plain" else f" with a {PATTERNS[product.pattern].en} pattern"
    return f"The {_name(product)} {_is(product)} {COLOURS[product.colour].en}{tail}."


def _material(product: Product, _: str) -> str:
    if not product.material:
        return DRAWING
    looks = "look" if KINDS[product.kind].plural else "looks"
    return f"The {_name(product)} {looks} like {LOOKS[product.material]}."


def _genuine(product: Product, asked: str) -> str:
    if not product.material:
        return DRAWING
    real = {"leather": "genuine leather", "cotton": "pure cotton", "wood": "solid wood"}[asked]
    seen = _material(product, "")[:-1]
    if product.material != asked:
        return f"{seen}, so it is not {real}."
    return f"{seen} and may be {real}, but a photo alone cannot confirm it."


def _pattern(product: Product, _: str) -> str:
    if product.pattern == "plain":
        return f"The {_name(product)} {_is(product)} plain, without a pattern."
    has = "have" if KINDS[product.kind].plural else "has"
    return f"The {_name(product)} {has} a {PATTERNS[product.pattern].en} pattern."


def _style(product: Product, _: str) -> str:
    style = STYLES[style_of(product)].en
    return f"The {_name(product)} {_is(product)} {style} in style."


def _audience(product: Product, _: str) -> str:
    suit = "suit" if KINDS[product.kind].plural else "suits"
    return f"The {_name(product)} {suit} {AUDIENCES[product.kind].en}."


def for_whom(person: str) -> str:
    whose = "the" if person == "newlyweds" else "your"  # nobody has some of their own
    return f"For {whose} {PEOPLE[person].en}"


def _gift(product: Product, person: str) -> str:
    """As in Chinese, whom it is for comes first."""
    name = f"{for_whom(person)}, the {_short(product)}"
    if suits(product, person):
        style = STYLES[style_of(product)].en
        return f"{name} {_is(product)} {style} and useful, so yes, a good gift."
    if too_sweet(product, person):
        return f"{name} {_is(product)} sweet in colour, so not really a gift."
    suit = "suit" if KINDS[product.kind].plural else "suits"
    audience = AUDIENCES[product.kind].en
    return f"{name} rather {suit} {audience}, so not really a gift."


def _occasion(product: Product, _: str) -> str:
    occasion = OCCASIONS[occasion_of(product)].en
    return f"The {_name(product)} {_is(product)} good for {occasion}."


def _describe(product: Product, _: str) -> str:
    brand = f" It carries the word {product.words}." if product.words else ""
    style, occasion = STYLES[style_of(product)].en, OCCASIONS[occasion_of(product)].en
    return f"This is {article(noun(product))}, {style} in style and good for {occasion}.{brand}"


def _match(product: Product, detail: str) -> str:
    return f"This is {article(noun(product))}; {verdict(product, detail, 'en')}."


def _greet(product: Product, _: str) -> str:
    these = "these" if KINDS[product.kind].plural else "this"
    return f"Hello! What would you like to know about {these} {_name(product)}?"


def _count(product: Product, _: str) -> str:
    return f"There is one product: {article(noun(product))}."


def _absent(product: Product, thing: str) -> str:
    return f"The {_name(product)} alone {_is(product)} shown, I cannot see {article(thing)}."


def _presence(product: Product, thing: str) -> str:
    seen = thing == _name(product)
    verdict = "yes, there is" if seen else "no, I cannot see"
    return f"The photo shows {article(noun(product))}, so {verdict} {article(thing)}."


def _steak(product: Product, _: str) -> str:
    if product.kind != "pan":
        return f"This is {article(noun(product))}, not a pan, so no, not for steak."
    if not product.material:
        return DRAWING
    if product.material == "metal":
        return "This metal frying pan conducts heat well, so yes, it is good for steak."
    return "This ceramic frying pan dislikes high heat, so no, cast iron is better for steak."


_ABOUT_ONE = {
    "brand": _brand,
    "text": _text,
    "colour": _colour,
    "material": _material,
    "genuine": _genuine,
    "pattern": _pattern,
    "style": _style,
    "audience": _audience,
    "gift": _gift,
    "occasion": _occasion,
    "describe": _describe,
    "match": _match,
    "not_visible_claim": _match,
    "greet": _greet,
    "count": _count,
    "absent": _absent,
    "presence": _presence,
    "steak": _steak,
}
