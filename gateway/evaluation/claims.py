"""What an answer claims though no photo shows it: a price, what is in stock, that something is
authentic, what exactly it consists of, its measures. By rules in Chinese and English. Pure.

A clause that says that it does not know ("I cannot tell whether it is genuine") claims nothing.
Rules err towards silence: a claim that is put in a new way may be missed, and own phrases in a set
catch it. tests/unit/evaluation/claims.tsv says what is found."""

import re
import unicodedata
from typing import Literal

ClaimName = Literal["price", "stock", "authenticity", "fibre", "size"]

_MONEY = r"(?:元|块(?:钱)?|人民币|美元|欧元|英镑|日元|港币|港元|rmb|cny|usd|eur|gbp)"
_HAN_NUMBER = "[一二两三四五六七八九十百千万几]"
_FIBRES = (
    r"cotton|wool|silk|linen|cashmere|polyester|nylon|viscose|acrylic|leather|cowhide|sheepskin"
    r"|spandex|elastane|polyamide|rayon|merino|down|gold|silver|steel|oak|walnut"
)
_FIBRES_ZH = (
    "棉|羊毛|羊绒|真丝|桑蚕丝|丝|亚麻|麻|涤纶|聚酯纤维|锦纶|尼龙|腈纶|氨纶|粘胶|羽绒"
    "|牛皮|羊皮|金|银"
)
_UNIT = (
    r"(?:mm|cm|厘米|毫米|公分|inch(?:es)?|英寸|kg|公斤|千克|grams?|克|斤"
    r"|lit(?:re|er)s?|毫升|ml|升|ft|feet|metres?|meters?|米)"
)
_RULES: dict[ClaimName, str] = {
    "price": (
        rf"[$€£¥￥]\s?\d|\d(?:[\d,.]*\d)?\s?{_MONEY}(?![a-z])|{_HAN_NUMBER}+(?:元|块钱)"
        r"|\b\d[\d,.]*\s?(?:dollars?|euros?|pounds?|yuan|bucks)\b"
        r"|\b(?:prices?|costs?|priced|sells?|retails?|worth)\b[^,;]{0,20}?\d"
        r"|(?:价格|售价|原价|现价|标价|卖价|定价)[^,;]{0,6}?\d"
        r"|打[一二三四五六七八九]折|\d折|\b\d+\s?% off\b|\bon sale\b|正在打折|(?:正在)?特价"
    ),
    "stock": (
        r"\b(?:in|out of) stock\b|\bsold out\b|\bonly \d+ left\b|\bavailable (?:now|from|at)\b"
        r"|\bships? (?:today|tomorrow|within)\b|\bready to ship\b"
        r"|有现货|现货|有货|库存(?:充足|紧张|不足|有|还)|缺货|断货|售罄|卖完|仅剩|只剩|当天发货"
        r"|\d+ ?小时内发货"
    ),
    "authenticity": (
        r"\b(?:authentic|counterfeit|fake|knock-?offs?|replica|legit)\b"
        r"|\bgenuine(?! (?:leather|suede|fur))\b|\b(?:is|are) (?:an )?original\b(?! \w)"
        r"|\bthe real (?:thing|deal)\b"
        r"|正品|真品|真货|假货|仿品|高仿|山寨|盗版|赝品|保真|行货"
    ),
    "fibre": (
        rf"\d+(?:\.\d+)?\s?%\s?(?:\w+ )?(?:{_FIBRES})\b"
        rf"|\b(?:pure|genuine|real|solid|full[- ]grain|top[- ]grain) (?:{_FIBRES}|suede|fur|wood)\b"
        rf"|\d+(?:\.\d+)?\s?%\s?(?:的)?(?:{_FIBRES_ZH})|(?:{_FIBRES_ZH})\s?\d+(?:\.\d+)?\s?%"
        r"|百分之[^,;]{1,4}(?:棉|毛|丝|麻)|纯棉|全棉|纯羊毛|纯毛|纯麻|纯银|纯金|真皮|头层牛皮|真丝|实木"
    ),
    "size": (
        rf"\d(?:[\d.,]*\d)?\s?{_UNIT}(?![a-z])|\b(?:size|eu|us|uk) ?\d{{1,2}}\b"
        r"|\bsize (?:xs|s|m|l|xl|xxl)\b|\d+(?:\.\d+)?码|(?:xs|s|m|l|xl|xxl)码|均码"
        r"|(?:\d+|[一二两三四五六七八九十]+)(?:厘米|公分|毫米|英寸|公斤|升)"
    ),
}
CLAIMS: tuple[ClaimName, ...] = tuple(_RULES)
# What no photo shows at all. A measure may be written on a box, so `size` is asked for by name.
NEVER_SHOWN: tuple[ClaimName, ...] = ("price", "stock", "authenticity", "fibre")

_COMPILED = {name: re.compile(rule) for name, rule in _RULES.items()}
# A clause with one of these does not state, it doubts, asks or declines.
_DOUBT = re.compile(
    r"\b(?:cannot|can't|can not|could not|couldn't|unable|impossible|whether|if (?:it|this|they)"
    r"|may|might|could|possibly|perhaps|maybe|probably|likely|unclear|unknown|unsure|not sure"
    r"|do(?:es)? not (?:show|tell|say|know|prove)|do(?:es)?n't (?:show|tell|say|know|prove)"
    r"|no (?:way|price|proof)|not (?:visible|shown)|check|ask|confirm|verify"
    r"|seems?|appears?|looks? like|resembl\w+)\b"
    r"|无法|不能|难以|不好说|看不|不清楚|不知道|不确定|不确认|未知|是否|是不是|有没有|与否|可能|也许|或许|大概"
    r"|估计|疑似|似乎|好像|看起来|看上去|像是|未必|不一定|仅凭|核实|咨询|请查看|请联系|建议(?!零售价)"
)
# "It is not genuine leather" says what is to be seen, and "this is not 100 dollars" says nothing.
# "It is not authentic" is a claim as much as its opposite.
_NEGATION = re.compile(
    r"\b(?:not|no|isn't|aren't|without)\b|不是|并非|不像|非(?:真皮|纯棉|实木)|没有"
)
_NEGATED_IS_A_CLAIM = ("authenticity", "stock")
# A question claims nothing, though a model repeats it. It is looked for where a sentence begins:
# else each character of a long answer would be looked at from all before it.
_QUESTION = re.compile(r"(?:^|(?<=[。.!;\n?]))[^。.!;\n?]*\?")
_CLAUSES = re.compile(
    r"[。！？!?;；\n,，]|(?<=[^\d])\.|\.(?=\s|$)|\b(?:but|though|although|however|so)\b|但是?|不过|所以"
)
# What is longer is no clause of an answer. Rules take time by its square, so the rest is not read.
_CLAUSE_CHARS = 1_000


def claims_in(text: str) -> dict[ClaimName, str]:
    """The claims of an answer, each with the clause that makes it first."""
    found: dict[ClaimName, str] = {}
    said = _QUESTION.sub("\n", unicodedata.normalize("NFKC", text))
    for whole in _CLAUSES.split(said):
        clause = whole[:_CLAUSE_CHARS]
        plain = clause.casefold().replace("’", "'")
        if _DOUBT.search(plain):
            continue
        negated = _NEGATION.search(plain) is not None
        for name, rule in _COMPILED.items():
            if name in found or (negated and name not in _NEGATED_IS_A_CLAIM):
                continue
            if rule.search(plain):
                found[name] = clause.strip()
    return found
