"""How people type questions: names of the product, politeness, punctuation, letter case, slips."""

import re
from functools import cache
from pathlib import Path
from random import Random

from demo_model.language import phrasings_en, phrasings_zh
from demo_model.pictures.catalogue import KINDS
from demo_model.pictures.facts import Scene

GROUP_NOUNS = {
    "bag": (("这个包", "这款包", "包包", "这包", "包", "小包"), ("this bag", "the bag", "bag")),
    "shoe": (("这双鞋", "鞋子", "这鞋", "鞋"), ("this shoe", "the shoe", "these shoes")),
    "clothing": (
        ("这件", "这件衣物", "衣服", "这衣服"),
        ("this piece", "this garment", "the garment"),
    ),
    "accessory": (("这件配饰", "这个东西", "配饰"), ("this accessory", "this thing")),
    "home": (("这个东西", "这件家居用品", "家里用的这个"), ("this thing", "the item")),
}
# How else people refer to what is in the photo.
_ALSO_ZH = (
    "这玩意 这玩意儿 这东西 图里这个 照片里这个 我拍的这个 这家伙 那个 图中商品 照片里的 图上的 这个商品 "
    "图里的东西 这一款 这件 该商品 这宝贝 这货 这件东西 图片里的 这物件 画面里的 咱这个 我发的这个 上面那个 "
    "这个玩意 那东西 此款 这件儿 图上这款 我手里这个"
).split()
_ALSO_EN = (
    "that/that one/this one/that thing/the thing in the photo/the thing in the picture/these/"
    "this pic/the item in the photo/what I uploaded/my item/this piece/this object/the object/"
    "the one in the picture/this here/this thingy/dis/this stuff/what is shown/the thing/"
    "this product here/that item/this little thing/the article"
).split("/")
_OPENERS_ZH = (
    "请问/请问一下，/你好，/您好，请问/帮我看看，/麻烦问下，/老板，/客服，/亲，/诶，/哎，/话说/那个，/所以/嗯，/"
    "我想问下，/想问一下/咨询一下，/打扰一下，/劳驾，/哈喽，/hi，/hello，/在吗？/在吗，/小助手，/不好意思，/"
    "帮忙看下，/求助，/求问，/弱弱问一句，/急！/在线等，/问一下/问下/问问/请教一下，/麻烦帮我看看，/"
    "就是想问/店家/卖家你好，/大佬，/同学你好，/家人们，/谁能告诉我/有没有懂的，/再问一下，/还有，/那/那么/"
    "ok那/好的，/嗯嗯/额，/呃/嗨，/晚上好，/哥，/姐，/小姐姐，/冒昧问一下，/有个问题，/劳烦，/对了，/顺便问下，"
).split("/")
_CLOSERS_ZH = (
    "？/？/?/////。/？谢谢/谢谢/，谢谢/，急/，在线等/？？/???/！/~/...//，谢谢啦/，麻烦了/，求告知/，求解/"
    "？多谢/。谢谢/，拜托/？辛苦了/？感谢/？thx/？3q/，感激不尽/？在线等挺急的/ 谢谢/？求回复/…/！！/？😊/🙏"
).split("/")
_OPENERS_EN = (
    "Hi, /Hello, /Please, /Excuse me, /Hey, /Hey there, /Hi there, /Good morning, /So, /Ok so /Ok, /"
    "Um, /Well, /And /Hey shopsight, /Quick one: /Quick question: /Sorry, /Sorry but /Hmm, /Yo, /"
    "Pardon me, /Dear assistant, /Question: /Just wondering, /One question, /Right, /Also, /Now, /"
    "Hi again, /Good evening, /Dear shop, /Hello there! /Hi! /Mate, /Alright, /Btw, /By the way, /"
    "Oh and /Please help, /Pls /Plz /Good day, /Evening! /Guys, /Hiya, /So like, /Erm, /Anyone know, "
).split("/")
_CLOSERS_EN = (
    "?|?|?||| ?|??|, please?| please| pls| thanks|, thanks|? Thanks|? thx|? Thank you|!|...|?!| tia|"
    "? cheers|.|? ty| plz|, mate?|? Many thanks| asap|, if you know?|? :)|, do you know?|;|"
    ", thank you"
).split("|")
# Slips of typing, by sound or by habit.
_SLIPS_ZH = dict(
    pair.split("/")
    for pair in (
        "什么/神马 什么/什麽 什么/甚么 是/事 的/得 的/地 吗/嘛 吗/马 吗/么 材质/才质 材质/材制 颜色/颜涩 多少/多烧 "
        "图案/图按 花纹/花文 这个/介个 这个/这各 正品/证品 适合/试合 适合/是合 送给/宋给 价格/价各 做的/作的 料子/聊子 "
        "真的/震的 怎么/肿么 没有/木有 喜欢/稀饭 知道/造 这样/酱 多少钱/多钱 告诉/高诉 看看/康康 面料/面了 假货/架货 "
        "合适/和适 礼物/礼务 品牌/平牌 东西/东东 哪里/那里 哪个/那个 哪种/那种"
    ).split()
)
_SLIPS_EN = dict(
    pair.split("/")
    for pair in (
        "you/u are/r what/wat what/wht colour/coulor colour/clr color/colr material/materiel pattern/patern "
        "please/pls the/teh this/tihs this/dis is/iz for/4 to/2 genuine/genuin authentic/autentic "
        "authentic/authenic price/prise much/mutch does/dose made/maid good/gud gift/gft present/presant "
        "whether/wether which/wich which/whch suitable/suitible would/wud because/cuz leather/lether "
        "with/wit want/wanna know/no your/ur thing/thng have/hav friend/freind mother/mothr birthday/bday "
        "expensive/expensiv fabric/fabrik product/prodcut picture/pic photo/foto describe/discribe"
    ).split()
)
_KEYS = "qwertyuiop asdfghjkl zxcvbnm"


def reference(rng: Random, scene: Scene, language: str) -> str:
    """ "It", "this bag", "this handbag": one reference to the product in the picture."""
    zh = language == "zh"
    plain = phrasings_zh.REFERENCES if zh else phrasings_en.REFERENCES
    product = scene.product
    chance = rng.random()
    if len(scene.products) != 1 or product is None or chance < 0.45:
        return rng.choice(plain)
    if chance < 0.6:
        return rng.choice(_ALSO_ZH if zh else _ALSO_EN)
    kind = KINDS[product.kind]
    # It is named as often as absent things are. Otherwise a name alone would mean "absent".
    if rng.random() < 0.3:
        return rng.choice(GROUP_NOUNS[kind.group][0 if zh else 1])
    lead = rng.choice(["这个", "这款", ""]) if zh else rng.choice(["this ", "the "])
    return f"{lead}{kind.name.zh if zh else kind.name.en}"


def as_typed(rng: Random, question: str, language: str, *, bare: bool = False) -> str:
    """Politeness, punctuation, letter case, script and slips as people type them.

    `bare`: nothing is put around the question, because it ends with how to answer."""
    if language == "zh":
        return _typed_zh(rng, question, bare)
    return _typed_en(rng, question, bare)


def _typed_zh(rng: Random, question: str, bare: bool) -> str:
    if bare:
        return _other_script(rng, question) + rng.choice(["？", "?", ""])
    if rng.random() < 0.15:
        question = _slip_zh(rng, question)
    if rng.random() < 0.25:
        question = rng.choice(_OPENERS_ZH) + question
    question += rng.choice(_CLOSERS_ZH)
    if rng.random() < 0.1:  # marks are left out, or become blanks
        question = re.sub("[，。？！,]", rng.choice(["", " "]), question)
    return _other_script(rng, question)


def _other_script(rng: Random, text: str) -> str:
    return text.translate(traditional()) if rng.random() < 0.07 else text


@cache
def traditional() -> dict[int, str]:
    """Simplified → traditional characters, for those that this package writes."""
    pairs = (Path(__file__).parent / "ways/traditional.txt").read_text(encoding="utf-8").split()
    return {ord(pair[0]): pair[1] for pair in pairs}


def _slip_zh(rng: Random, text: str) -> str:
    """One word typed as it sounds, one character twice, or one left out."""
    found = [word for word in _SLIPS_ZH if word in text]
    if found and rng.random() < 0.75:
        word = rng.choice(found)
        return text.replace(word, _SLIPS_ZH[word], 1)
    places = [i for i, char in enumerate(text) if char in "的了是啊呢吗有个一这"]
    if not places:
        return text
    at = rng.choice(places)
    return text[:at] + text[at + 1 :] if rng.random() < 0.6 else text[:at] + text[at] + text[at:]


def _typed_en(rng: Random, question: str, bare: bool) -> str:
    if not bare:
        if rng.random() < 0.2:
            question = _slip_en(rng, question)
        if rng.random() < 0.22:
            question = rng.choice(_OPENERS_EN) + question[:1].lower() + question[1:]
        if rng.random() < 0.15:
            question = question.replace("'", "")
    case = rng.random()
    if case < 0.3:
        question = question.lower()
    elif case < 0.35:
        question = question.upper()
    elif case < 0.38:
        question = question.title()
    elif case < 0.7:
        question = question[:1].upper() + question[1:]
    return question + rng.choice(["?", "?", ""] if bare else _CLOSERS_EN)


def _slip_en(rng: Random, text: str) -> str:
    """One word as it sounds or is shortened, or one letter doubled, left out, swapped, missed."""
    words = text.split(" ")
    found = [i for i, word in enumerate(words) if word.lower() in _SLIPS_EN]
    if found and rng.random() < 0.5:
        at = rng.choice(found)
        words[at] = _SLIPS_EN[words[at].lower()]
        return " ".join(words)
    long = [i for i, word in enumerate(words) if len(word) > 3 and word.isalpha()]
    if not long:
        return text
    at = rng.choice(long)
    word = words[at]
    place = rng.randrange(1, len(word) - 1)
    neighbours = next((row for row in _KEYS.split() if word[place].lower() in row), "e")
    words[at] = rng.choice(
        (
            word[:place] + word[place + 1 :],
            word[:place] + word[place] + word[place:],
            word[:place] + word[place + 1] + word[place] + word[place + 2 :],
            word[:place] + rng.choice(neighbours) + word[place + 1 :],
        )
    )
    return " ".join(words)
