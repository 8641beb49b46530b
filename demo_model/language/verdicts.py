"""How a claim about a product is judged: word by word, and only then as a whole."""

from demo_model.pictures.catalogue import COLOURS, KINDS, MATERIALS, PATTERNS, Name
from demo_model.pictures.facts import Product

# A photo decides about `brand` only where a brand can be read, and about the `rest` never.
CONCLUDED = {
    "zh": {
        "yes": "所以是的",
        "no": "所以不是",
        "brand": "但看不到可辨认的品牌标识，无法确定品牌",
        "rest": "但别的仅凭照片无法确认",
    },
    "en": {
        "yes": "so yes",
        "no": "so no",
        "brand": "but no brand mark is readable, so I cannot tell the brand",
        "rest": "but a photo alone cannot confirm the rest",
    },
}


def verdict(product: Product, detail: str, language: str) -> str:
    """The pairs of words that decide about a claim, and what follows. `detail`: `yes` or `no`, the
    claim, and where it says more than a photo shows, the brand that it names or nothing."""
    truth, claim, *brands = detail.split(":")
    pairs = comparisons(claim, product, language)
    ending = truth
    if truth == "yes" and brands:
        (brand,) = brands
        ending = "brand" if brand else "rest"
        if brand and product.brand:
            pairs.append((Name(f"{brand} ", brand), Name(f" {product.brand}", product.brand)))
            ending = "yes" if brand == product.brand else "no"
    comma = "，" if language == "zh" else ", "
    return f"{compared(pairs, language)}{comma}{CONCLUDED[language][ending]}"


def compared(pairs: list[tuple[Name, Name]], language: str) -> str:
    """红色与黑色：不符，双肩包与双肩包：相符 red and black: no, backpack and backpack: yes"""
    if language == "zh":
        return "，".join(f"{a.zh}与{b.zh}：{'相符' if a.en == b.en else '不符'}" for a, b in pairs)
    return ", ".join(f"{a.en} and {b.en}: {'yes' if a.en == b.en else 'no'}" for a, b in pairs)


def comparisons(claim: str, product: Product, language: str) -> list[tuple[Name, Name]]:
    """Each word of a claim such as "a red leather handbag", paired with what is seen."""
    kinds = {key: kind.name for key, kind in KINDS.items()}
    # The kind stands last, and may have several words, such as "sun hat".
    ends = [key for key, name in kinds.items() if claim.endswith(getattr(name, language))]
    kind = max(ends, key=lambda key: len(getattr(kinds[key], language)), default=product.kind)
    rest = claim.removesuffix(getattr(kinds[kind], language))
    found = [
        (name, table[seen])
        for table, seen in (
            (COLOURS, product.colour),
            (PATTERNS, product.pattern),
            (MATERIALS, product.material),
        )
        for name in table.values()
        if getattr(name, language) in rest
    ]
    return [*found, (kinds[kind], kinds[product.kind])]
