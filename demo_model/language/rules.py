"""Derives style, audience, occasion and gifts of a product from its visible attributes."""

from functools import cache
from pathlib import Path
from random import Random

from demo_model.pictures.catalogue import Name
from demo_model.pictures.facts import Product

STYLES = {
    "elegant": Name("优雅", "elegant"),
    "retro": Name("复古", "retro"),
    "casual": Name("休闲", "casual"),
    "natural": Name("自然", "natural"),
    "cosy": Name("温暖", "cosy"),
    "playful": Name("活泼", "playful"),
    "preppy": Name("学院", "preppy"),
    "modern": Name("现代", "modern"),
    "sweet": Name("甜美", "sweet"),
    "minimalist": Name("简约", "minimalist"),
}

AUDIENCES = {
    "handbag": Name("妈妈和职场女性", "mothers and working women"),
    "tote": Name("通勤族和学生", "commuters and students"),
    "backpack": Name("学生和旅行爱好者", "students and travellers"),
    "wallet": Name("爸爸和职场人士", "fathers and professionals"),
    "sneaker": Name("爱运动的年轻人", "sporty young people"),
    "heel": Name("职场女性", "working women"),
    "boot": Name("喜欢户外的人", "people who like the outdoors"),
    "tshirt": Name("年轻人", "young people"),
    "dress": Name("年轻女性", "young women"),
    "scarf": Name("妈妈和长辈", "mothers and grandparents"),
    "hat": Name("爱旅行的女性", "women who like to travel"),
    "watch": Name("爸爸和商务人士", "fathers and business people"),
    "sunglasses": Name("常开车出行的人", "people who drive a lot"),
    "headphones": Name("爱听音乐的年轻人", "young music lovers"),
    "mug": Name("同事和朋友", "colleagues and friends"),
    "pan": Name("爱下厨的家人", "family members who like to cook"),
    "lamp": Name("学生和居家办公的人", "students and home workers"),
    "chair": Name("居家办公的人", "people who work at home"),
    "sofa": Name("新婚夫妻和家庭", "couples and families"),
    "umbrella": Name("通勤族", "commuters"),
}

OCCASIONS = {
    "commute": Name("日常通勤", "daily commuting"),
    "travel": Name("旅行和户外", "travel and outdoors"),
    "party": Name("约会和聚会", "dates and parties"),
    "sport": Name("运动和散步", "sports and walks"),
    "everyday": Name("日常使用", "everyday use"),
    "winter": Name("秋冬保暖", "cold days"),
    "sun": Name("晴天出行", "sunny days"),
    "rain": Name("雨天出行", "rainy days"),
    "music": Name("听音乐和运动", "music and sports"),
    "kitchen": Name("厨房烹饪", "cooking at home"),
    "home": Name("居家休息", "relaxing at home"),
    "reading": Name("阅读和办公", "reading and office work"),
}

_OCCASION_OF = {
    "handbag": "commute",
    "tote": "commute",
    "backpack": "travel",
    "wallet": "everyday",
    "sneaker": "sport",
    "heel": "party",
    "boot": "travel",
    "tshirt": "everyday",
    "dress": "party",
    "scarf": "winter",
    "hat": "sun",
    "watch": "everyday",
    "sunglasses": "sun",
    "headphones": "music",
    "mug": "home",
    "pan": "kitchen",
    "lamp": "reading",
    "chair": "reading",
    "sofa": "home",
    "umbrella": "rain",
}

PEOPLE = {
    "mum": Name("妈妈", "mum"),
    "dad": Name("爸爸", "dad"),
    "girlfriend": Name("女朋友", "girlfriend"),
    "boyfriend": Name("男朋友", "boyfriend"),
    "friend": Name("朋友", "friend"),
    "colleague": Name("同事", "colleague"),
    "student": Name("学生", "student"),
    "grandmother": Name("奶奶", "grandmother"),
    "grandfather": Name("爷爷", "grandfather"),
    "wife": Name("老婆", "wife"),
    "husband": Name("老公", "husband"),
    "child": Name("孩子", "child"),
    "boss": Name("老板", "boss"),
    "teacher": Name("老师", "teacher"),
    "newlyweds": Name("新婚夫妇", "newlyweds"),
}

_GIFTS = {
    "mum": "handbag tote scarf dress hat mug pan lamp umbrella wallet watch",
    "dad": "wallet watch mug pan umbrella chair boot sunglasses",
    "girlfriend": "handbag tote heel dress scarf hat sunglasses headphones watch mug umbrella "
    "tshirt sneaker",
    "boyfriend": "sneaker backpack wallet watch headphones sunglasses tshirt boot mug umbrella",
    "friend": "mug tote scarf tshirt headphones umbrella backpack sunglasses hat lamp sneaker",
    "colleague": "mug umbrella lamp wallet tote headphones scarf",
    "student": "backpack sneaker tshirt headphones lamp watch umbrella mug tote chair",
    "grandmother": "scarf mug hat umbrella lamp sofa chair pan handbag",
    "grandfather": "mug umbrella lamp chair sofa watch wallet boot hat scarf",
    "wife": "handbag tote heel dress scarf hat sunglasses watch mug umbrella wallet lamp pan sofa",
    "husband": "wallet watch backpack sneaker boot sunglasses headphones umbrella mug chair "
    "pan sofa",
    "child": "backpack sneaker tshirt hat mug scarf boot lamp umbrella headphones",
    "boss": "mug umbrella wallet lamp watch chair scarf",
    "teacher": "mug umbrella lamp scarf tote wallet watch chair",
    "newlyweds": "sofa lamp mug pan chair umbrella",
}


NOT_SWEET = ("dad", "boyfriend", "husband", "grandfather", "boss")


def style_of(product: Product) -> str:
    """By the first of material, pattern and colour that suggests a style."""
    by_material = {
        "satin": "elegant",
        "denim": "casual",
        "straw": "natural",
        "wood": "natural",
        "knit": "cosy",
        "metal": "modern",
    }
    by_pattern = {"dotted": "playful", "checked": "preppy", "striped": "casual"}
    by_colour = {"pink": "sweet", "purple": "elegant", "red": "playful", "yellow": "playful"}
    if product.material == "leather" and product.colour == "brown":
        return "retro"
    return (
        by_material.get(product.material)
        or by_pattern.get(product.pattern)
        or by_colour.get(product.colour, "minimalist")
    )


def occasion_of(product: Product) -> str:
    return _OCCASION_OF[product.kind]


def called(rng: Random, person: str, language: str) -> str:
    """A name of the person in a question."""
    name = str(getattr(PEOPLE[person], language))
    if rng.random() < 0.4:
        return name
    return rng.choice(_also_called()[person][language])


@cache
def _also_called() -> dict[str, dict[str, list[str]]]:
    called: dict[str, dict[str, list[str]]] = {}
    text = (Path(__file__).parent / "ways/people.txt").read_text(encoding="utf-8")
    for line in text.splitlines()[1:]:
        person, zh, en = (part.strip() for part in line.split(":"))
        called[person] = {"zh": zh.split("|"), "en": en.split("|")}
    return called


def too_sweet(product: Product, person: str) -> bool:
    """Whether the colour alone rules the gift out: pink and purple do for some."""
    return person in NOT_SWEET and product.colour in ("pink", "purple")


def suits(product: Product, person: str) -> bool:
    """Whether it makes a good gift."""
    return product.kind in _GIFTS[person].split() and not too_sweet(product, person)
