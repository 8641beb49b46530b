"""What an answer says that its photo cannot show: of a card its own list, of a sentence by rules in
Chinese and English. Pure."""

import re
from functools import lru_cache

from contract.products.answers import CardAnswer, MatchAnswer
from contract.products.card import not_visible

# Of an answer that says so of something else.
OTHER = "other"
_SENTENCE = re.compile(r"[。！？!?;；\n]+|\.(?=\s|$)")
_CANNOT = re.compile(
    r"看不[到出清见]|无法(?:从|判断|确定|确认|看|得知|辨认|分辨|回答|识别)|不能(?:判断|确定|确认|看出|得知)"
    r"|没有(?:显示|拍到|标明)|未(?:显示|标明)|难以(?:判断|确定|辨认)|不清楚|不知道"
    r"|\b(?:can(?:no|')t|can not|could(?: no|n')t|unable to|impossible to|not possible to)\b"
    r"|\b(?:does|do|did)(?: not|n't) (?:show|say|tell|reveal|know|indicate)\b"
    r"|\bno (?:readable|visible|legible)\b|\b(?:is|are)(?: not|n't) (?:visible|shown|legible)\b"
    r"|\bhard to (?:tell|say)\b",
    re.IGNORECASE,
)
# Names of the card's `not_visible` for what a sentence is about, and two more.
_ABOUT = {
    "authenticity": r"正品|真伪|真假|真货|仿品|authentic|genuine|counterfeit|fake|original",
    "price": r"价格|价钱|多少钱|价位|售价|\bpric|\bcosts?\b|\bworth\b",
    "stock": r"库存|有货|现货|\bstock|availab",
    "brand": r"品牌|牌子|商标|\bbrand|\blogo|\bmaker\b",
    "fibre": r"材质|材料|面料|成分|真皮|纯棉|material|fabric|fib(?:re|er)|leather|cotton|\bwool",
    "size": r"尺寸|尺码|大小|多大|多长|\bsizes?\b|dimension|how (?:big|large|long|tall)|measure",
    "product": r"商品|什么东西|不认识|\bproduct in\b|what this (?:photo|is)",
    "text": r"文字|字样|\bwords?\b|\btext\b|\bwriting\b",
}
_TOPICS = {name: re.compile(words, re.IGNORECASE) for name, words in _ABOUT.items()}
# What a sentence says after these is advice, and about something else: ask the shop.
_ADVICE = re.compile(r"[，,]?(?:请|建议|可以)(?:查看|咨询|向|问|换|您)|\bplease\b", re.IGNORECASE)


def cannot_see(answer: str | None, product: CardAnswer | MatchAnswer | None) -> str | None:
    """Names in alphabetical order, comma-separated; None where the answer says nothing of it."""
    if isinstance(product, CardAnswer):
        card = product.card
        return ",".join(sorted(not_visible(card.not_visible))) if card is not None else None
    if product is not None or answer is None:
        return None
    return _in_words(answer)


@lru_cache(maxsize=2048)  # answers from the cache are always the same ones; about 1 MB
def _in_words(answer: str) -> str | None:
    found = set()
    for sentence in _SENTENCE.split(answer):
        said = _ADVICE.split(sentence)[0]
        if _CANNOT.search(said):
            about = [name for name, words in _TOPICS.items() if words.search(said)]
            found.update(about or [OTHER])
    return ",".join(sorted(found)) or None
