"""Pairs of texts that are one question, and pairs that are two."""

import re
from collections.abc import Callable

_ENGLISH = ("is it red leather", "can i wash it?")
_CHINESE = "这是真皮吗"


def _letters(upper: int, lower: int) -> Callable[[str], str]:
    """In an alphabet of Unicode's that begins there."""
    table = {ord("A") + at: upper + at for at in range(26)}
    table |= {ord("a") + at: lower + at for at in range(26)}
    return lambda text: text.translate(table)


def _between(sign: str) -> Callable[[str], str]:
    return lambda text: sign.join(text)


# What once changed the answer that the next plain asker was given: (spelling of a text).
_SPELLINGS: dict[str, Callable[[str], str]] = {
    "bold": _letters(0x1D400, 0x1D41A),
    "bold italic": _letters(0x1D468, 0x1D482),
    "bold script": _letters(0x1D4D0, 0x1D4EA),
    "bold fraktur": _letters(0x1D56C, 0x1D586),
    "sans": _letters(0x1D5A0, 0x1D5BA),
    "monospace": _letters(0x1D670, 0x1D68A),
    "circled": _letters(0x24B6, 0x24D0),
    "full width": lambda text: text.translate({n: n + 0xFEE0 for n in range(33, 127)}),
    "dressed capitals": lambda text: _letters(0x1D670, 0x1D68A)(text.upper()),
    "capitals": str.upper,
    "1,900 marks": lambda text: text + "?" * 1900,
    "mixed marks": lambda text: text + "？！。…?!~ ?" * 20,
    "newlines": lambda text: "\n\n" + text.replace(" ", "\n") + "\n" * 300,
    "900 spaces": lambda text: " " * 450 + text + " " * 450,
    "zero width": _between("\u200b"),
    "soft hyphens": _between("\u00ad"),
    "directions": lambda text: "\u202e" + _between("\u2066")(text) + "\u202c",
    "selectors": _between("\ufe0f"),
}  # fmt: skip
# Chinese has no other letters, but as much that is not seen.
_UNSEEN = ("\u200b", "\u200c", "\u200d", "\u2060", "\ufeff", "\u00ad", "\u034f", "\u200e", "\u2066")
_CHINESE_SPELLINGS: tuple[Callable[[str], str], ...] = (
    *map(_between, _UNSEEN),
    _between("\U000e0100"),
    lambda text: text.replace("皮", "⽪"),
    lambda text: text + "？" * 1900,
    lambda text: text + "。" * 900,
    lambda text: text + "！？…~～ 。" * 20,
    lambda text: "\n" * 300 + text + "\u2029" * 300,
    lambda text: "\u3000" * 450 + text + " " * 450,
    lambda text: "\u2800" * 9 + text + "\u3164" * 9,
    lambda text: "\u202e" + text + "\u202c",
)
POISON = [
    *((spell(text), text) for text in _ENGLISH for spell in _SPELLINGS.values()),
    *((spell(_CHINESE), _CHINESE) for spell in _CHINESE_SPELLINGS),
]


def _pairs(text: str) -> list[tuple[str, str]]:
    """One a line; characters that an editor would not show as `\\u….`"""
    shown = re.sub(r"\\u([0-9a-f]{4})", lambda code: chr(int(code[1], 16)), text)
    return [
        (one, other) for one, other in (line.split(" | ") for line in shown.strip().split("\n"))
    ]


SAME = _pairs(r"""
is it red | is it red?
is it red | Is it red
is it red | IS IT RED
is it red | is it red.
is it red | is it red!!!
is it red | is it red ?
is it red | is  it   red
is it red? | is it red？
is it red? | is it red?!
is it red? | is it red…
is it red? | is it red??? ??
WHAT BRAND IS IT | what brand is it
WHAT BRAND? | What brand
Tell me the price | tell me the price.
can i wash it | Can I wash it?
CAN I WASH IT IN HOT WATER | can i wash it in hot water
what's it made of | what’s it made of
is it 13.3" wide | is it 13.3” wide
38-40 cm | 38‑40 cm
38-40 cm | 38–40 cm
is it red | is it red‼️
is it red | is it red ⁉️ ‼️
is it red | is it red ❓
what's it made of | what´s it made of
is it real leather | ｉｓ ｉｔ ｒｅａｌ ｌｅａｔｈｅｒ
is it real leather | 𝐢𝐬 𝐢𝐭 𝐫𝐞𝐚𝐥 𝐥𝐞𝐚𝐭𝐡𝐞𝐫
is it real leather | 𝓲𝓼 𝓲𝓽 𝓻𝓮𝓪𝓵 𝓵𝓮𝓪𝓽𝓱𝓮𝓻
is it real leather | 𝚒𝚜 𝚒𝚝 𝚛𝚎𝚊𝚕 𝚕𝚎𝚊𝚝𝚑𝚎𝚛
is it real leather | ⓘⓢ ⓘⓣ ⓡⓔⓐⓛ ⓛⓔⓐⓣⓗⓔⓡ
is it real leather | ⒤⒮ ⒤⒯ ⒭⒠⒜⒧ ⒧⒠⒜⒯⒣⒠⒭
IS IT REAL LEATHER | 🅸🆂 🅸🆃 🆁🅴🅰🅻 🅻🅴🅰🆃🅷🅴🆁
IS IT REAL LEATHER | 🄸🅂 🄸🅃 🅁🄴🄰🄻 🄻🄴🄰🅃🄷🄴🅁
size 38 | size ③⑧
size 38 | size ３８
size 38 | size 𝟑𝟖
size 38 | size 3️⃣8️⃣
café style | cafe\u0301 style
naïve | nai\u0308ve
fine | ﬁne
which one fits my mum? | which one fits my mum ？
what is it | what is\u200b it
what is it | wh\u00adat is it
I want it ❤️ | I want it ❤️!
这是真皮吗 | 这是真皮吗?
这是真皮吗 | 这是真皮吗？
这是真皮吗 | 这是真皮吗。
这是真皮吗 | 这是真皮吗！！
这是真皮吗 | 这是真皮吗？？？
这是真皮吗 | 这是真皮吗~
这是真皮吗 | 这是真皮吗……
这是真皮吗 | 这是真皮吗?!
这是真皮吗 | 这是真皮吗⋯⋯
这是真皮吗 | 这是真皮吗❓
这是真皮吗 | 这是真皮吗❓❓
这是真皮吗 | 这是真皮吗⁉️
这是真皮吗 | 这是真皮吗❗️
尺码38-40 | 尺码38–40
这是真皮吗 | \u3000这是真皮吗\u3000
这是真皮吗 | 这\u200b是\u200b真\u200b皮\u200b吗
这是真皮吗 | 这是真⽪吗
你好，这是真皮吗 | 你好,这是真皮吗
多少钱！值得买吗 | 多少钱!值得买吗？
（真皮）的吗 | (真皮)的吗
Ｎｉｋｅ的吗 | Nike的吗？
适合１２岁吗 | 适合12岁吗
￥９９贵吗 | ¥99贵吗
这是什么品牌？？适合妈妈吗 | 这是什么品牌?适合妈妈吗
３８．５码 | 38.5码?
多大尺寸  和 重量 | 多大尺寸 和 重量
材质：真皮 | 材质:真皮
尺码③⑧有吗 | 尺码38有吗
它“好看”吗 | 它"好看"吗
ﾊﾞｯｸﾞの色は | バッグの色は
适合妈妈吗❤️ | 适合妈妈吗❤️？
A款还是B款 | Ａ款还是Ｂ款？
这个包防水吗 | 这个包防\u00ad水吗？\u000d
帮我看看 这是啥 | 帮我看看\u0009这是啥
这是Nike吗 | 这是 Nike 吗
A 款还是 B 款 | A款还是B款
适合12岁吗 | 适合 12 岁吗
Nike三代 | Nike 三代
カバンは Nike ですか | カバンはNikeですか
这是真皮吗 | 这是真皮吗，
这是真皮吗 | 这是真皮吗、
这是真皮吗 | 这是真皮吗；
这是真皮吗 | 这是真皮吗,,
这是真皮吗 | 这是真皮吗——
is it red | is it red,
is it red | is it red ;
这个包——能洗吗 | 这个包————能洗吗
the bag -- is it red | the bag --- is it red
the bag — is it red | the bag -- is it red
""")

APART = _pairs("""
5² cm | 52 cm
10³ g | 103 g
1½ cups | 11⁄2 cups
1½ cups | 11/2 cups
H₂O | H2O
m² | m2
Is it US size | Is it us size
does it fit us | does it fit US
is it for IT | is it for it
IT bag | it bag
is it polish | is it Polish
is it for may | is it for May
size M | size m
5 mB | 5 MB
5 mW | 5 MW
is it Apple | is it apple
is it iPhone | is it IPHONE
LG OLED TV | lg oled tv
US | us
WHO | who
20℃ | 20C
№5 | No5
Kelvo™ | KelvoTM
Maße | Masse
is it red | is it read
is it red | is it not red
is it red or blue | is it red, or blue?
is it red? is it blue? | is it red is it blue
30% | 30
-5 degrees | 5 degrees
1.5 l | 15 l
1,5 l | 15 l
is it 10:1 | is it 101
is it a b | is it ab
style 2 5 | style 25
Ⅳ generation | 4 generation
I ❤️ it | I ♥ it
what is this ❤️ | what is this ❤
👩‍👧 bag | 👩👧 bag
🇺🇸 size | 🇬🇧 size
😀 | 😢
<|im_end|> | im_end
resume | résumé
is it fake? | is it cake?
10 × 20 | 10 20
什么颜色 | 什么顏色
这是真皮吗 | 这是真皮
这是真皮吗 | 这是人造革吗
①5件 | 15件
款式②5件 | 款式25件
⑫3 | 123
5²厘米 | 52厘米
10³克 | 103克
1½杯 | 11⁄2杯
20℃能洗吗 | 20能洗吗
送妈妈 | 送爸爸
红色还是蓝色 | 红色和蓝色
红 白 | 红白
买20 一件 | 买20一件
第二 5件 | 第二5件
size 38 - 40 | size 38 40
really - is it | really is it
买一送一 | 买1送1
12岁能用吗 | 1、2岁能用吗
这个是正品吗 | 这个不是正品吗
我要M码 | 我要m码
是Nike吗 | 是NIKE吗
你好 请问 这个 是 LV 吗 | 你好 请问 这个 是 lv 吗
请问 L 码 和 XL 码 哪个 适合 我 | 请问 l 码 和 xl 码 哪个 适合 我
これ は US サイズ です か | これ は us サイズ です か
이거 US 사이즈 인가요 맞나요 | 이거 us 사이즈 인가요 맞나요
3到5岁 | 35岁
3-5岁 | 35岁
38.5码 | 385码
㊣品吗 | 正品吗
适合谁？为什么 | 适合谁为什么
适合他吗 | 适合她吗
Ａ4纸 | B4纸
能洗吗❤️ | 能洗吗
⁉️是什么 | 是什么
负5度 | 5度
-5度 | 5度
""")
