"""The right Chinese answer to each intent, given the facts."""

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
    "leather": "荔枝纹皮革质感",
    "canvas": "平纹帆布",
    "denim": "斜纹牛仔布",
    "knit": "针织面料",
    "cotton": "柔软的棉质面料",
    "satin": "有光泽的缎面",
    "straw": "草编材质",
    "metal": "拉丝金属",
    "ceramic": "上釉的陶瓷",
    "wood": "有木纹的木质",
    "plastic": "光滑的塑料",
}
NO_PRODUCT = "照片里没有看到商品，请换一张清晰的商品照片。"
UNKNOWN = "照片里的东西我不认识，无法回答，请换一张商品照片。"
DRAWING = "这是一张图画，看不出材质。"
NO_PHOTO = "请先上传一张商品照片，我再为您解答。"
FIXED = {
    "price": "照片里看不到价格，请查看商品页面。",
    "size": "仅凭照片无法判断尺寸，请查看商品页面。",
    "stock": "照片里看不到库存，请咨询商家。",
    "authentic": "仅凭照片无法判断是否正品，建议向商家核实。",
    "not_visible": "照片看不出这一点，请查看商品页面或咨询商家。",
    "thanks": "不客气，很高兴为您服务。",
    "offtopic": "我只能回答与商品照片有关的问题。",
    "who": "我是演示用的购物助手，只认识自己画的商品图片。",
}


def noun(product: Product) -> str:
    """红色格纹帆布手提包"""
    pattern = "" if product.pattern == "plain" else PATTERNS[product.pattern].zh
    material = MATERIALS[product.material].zh if product.material else ""
    return f"{COLOURS[product.colour].zh}{pattern}{material}{KINDS[product.kind].name.zh}"


def _pair(scene: Scene) -> str:
    first, second = scene.products  # in the order of the picture: the left or upper one first
    return (
        f"一款{COLOURS[first.colour].zh}{KINDS[first.kind].name.zh}"
        f"和一款{COLOURS[second.colour].zh}{KINDS[second.kind].name.zh}"
    )


def answer(intent: str, scene: Scene, detail: str = "") -> str:
    """`detail` is a person (gift), a thing (absent), a material (genuine), "no:…" (match).

    An answer states what is seen, compares it with the claim word by word, and ends with the
    verdict. A small model cannot compare picture and claim in one step, but it can compare words.
    """
    if intent in ("thanks", "offtopic", "who"):
        return FIXED[intent]
    if intent == "verdict":
        return "是" if detail.startswith("yes") else "不是"
    if not scene.products:
        return UNKNOWN if scene.outside else NO_PRODUCT
    if len(scene.products) == 2:
        return _about_two(intent, scene)
    product = scene.products[0]
    if intent in FIXED:
        return FIXED[intent]
    if intent in _ABOUT_ONE:
        return _ABOUT_ONE[intent](product, detail)
    return f"这是一款{noun(product)}。"


def _about_two(intent: str, scene: Scene) -> str:
    if intent in ("what", "describe", "count", "greet"):
        return f"照片里有两件商品：{_pair(scene)}。"
    if intent in ("price", "size", "stock", "authentic", "not_visible"):
        return FIXED[intent]
    if intent in ("brand", "text"):
        return "看不到可辨认的品牌标识。"
    return f"照片里有两件商品：{_pair(scene)}，请问您想了解哪一件？"


def _brand(product: Product, _: str) -> str:
    name = KINDS[product.kind].name.zh
    if product.brand:
        return f"这款{name}上可以看到 {product.brand} 标识，品牌可能是 {product.brand}。"
    if product.note:
        return f"这款{name}上写着 {product.note}，但这不是品牌，无法确定品牌。"
    return f"这款{name}上看不到可辨认的品牌标识，无法确定品牌。"


def _text(product: Product, _: str) -> str:
    return f"可以看到 {product.words} 字样。" if product.words else "照片里看不到文字。"


def _colour(product: Product, _: str) -> str:
    tail = "" if product.pattern == "plain" else f"，带有{PATTERNS[product.pattern].zh}图案"
    return f"这款{KINDS[product.kind].name.zh}是{COLOURS[product.colour].zh}的{tail}。"


def _material(product: Product, _: str) -> str:
    if not product.material:
        return DRAWING
    return f"这款{KINDS[product.kind].name.zh}看起来是{LOOKS[product.material]}。"


def _genuine(product: Product, asked: str) -> str:
    if not product.material:
        return DRAWING
    real = {"leather": "真皮", "cotton": "纯棉", "wood": "实木"}[asked]
    seen = f"这款{KINDS[product.kind].name.zh}看起来是{LOOKS[product.material]}"
    if product.material != asked:
        return f"{seen}，不是{real}。"
    return f"{seen}，可能是{real}，但仅凭照片无法确认。"


def _pattern(product: Product, _: str) -> str:
    name = KINDS[product.kind].name.zh
    if product.pattern == "plain":
        return f"这款{name}是纯色的，没有图案。"
    return f"这款{name}是{PATTERNS[product.pattern].zh}图案。"


def _style(product: Product, _: str) -> str:
    return f"这款{KINDS[product.kind].name.zh}是{STYLES[style_of(product)].zh}风格。"


def _audience(product: Product, _: str) -> str:
    return f"这款{KINDS[product.kind].name.zh}比较适合{AUDIENCES[product.kind].zh}。"


def _gift(product: Product, person: str) -> str:
    """Whom it is for comes first: whether it suits depends on that word and on the product's."""
    name = f"{COLOURS[product.colour].zh}{KINDS[product.kind].name.zh}"
    who = PEOPLE[person].zh
    if suits(product, person):
        return f"送给{who}的话，这款{name}{STYLES[style_of(product)].zh}又实用，很合适。"
    if too_sweet(product, person):
        return f"送给{who}的话，这款{name}颜色比较甜美，不太合适。"
    return f"送给{who}的话，这款{name}更适合{AUDIENCES[product.kind].zh}，不太合适。"


def _occasion(product: Product, _: str) -> str:
    occasion = OCCASIONS[occasion_of(product)].zh
    return f"这款{KINDS[product.kind].name.zh}适合{occasion}。"


def _describe(product: Product, _: str) -> str:
    brand = f"上面有 {product.words} 字样。" if product.words else ""
    style, occasion = STYLES[style_of(product)].zh, OCCASIONS[occasion_of(product)].zh
    return f"这是一款{noun(product)}，{style}风格，适合{occasion}。{brand}"


def _match(product: Product, detail: str) -> str:
    return f"图中是一款{noun(product)}。{verdict(product, detail, 'zh')}。"


def _greet(product: Product, _: str) -> str:
    return f"您好！想了解这款{KINDS[product.kind].name.zh}的什么呢？"


def _count(product: Product, _: str) -> str:
    return f"照片里有一件商品：一款{noun(product)}。"


def _absent(product: Product, thing: str) -> str:
    return f"这款{KINDS[product.kind].name.zh}以外，没有看到{thing}。"


def _presence(product: Product, thing: str) -> str:
    seen = thing == KINDS[product.kind].name.zh
    return f"照片里是一款{noun(product)}，{'可以' if seen else '没有'}看到{thing}。"


def _steak(product: Product, _: str) -> str:
    if product.kind != "pan":
        return f"这是一款{noun(product)}，不是锅，不能煎牛排。"
    if not product.material:
        return DRAWING
    if product.material == "metal":
        return "这是一款金属平底锅，导热好，可以煎牛排。"
    return "这是一款陶瓷平底锅，不宜高温，不建议煎牛排，更推荐铸铁锅。"


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
