"""Made-up texts with something personal in them, by kind and by seed: what the masker must find."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from tests.unit.log.number_styles import WRITTEN, luhn_digit

ZH = (
    "我的{x},联系我",
    "{x}",
    "这是真皮吗？不清楚的话找我{x}",
    "麻烦发到{x}，谢谢",
    "{x}这个包还有货吗?",
    "适合送妈妈吗（{x}）",
    "照片里写着{x}，是什么意思",
    "你好，{x}。请问多少钱",
)
EN = (
    "reach me: {x}",
    "{x}",
    "Is it real leather? {x}",
    "Please answer to {x}, thanks",
    "my contact is {x} - would it suit my mother?",
    "The label says {x}. What is it?",
    "({x}) is this a handbag",
)

# What stands before the number or name itself.
WECHAT = (
    "微信 |微信号：|微信：|微信号|我微信|加微信|加微信：|加微|加V：|加v |+V |+v：|➕V:|wx:|wx |"
    "WX：|vx:|vx |VX：|V信：|v信 |薇信|威信：|维信 |卫星：|微❤：|weixin: |WeChat: |WeChat ID: |"
    "wechat |my wechat is |add me on WeChat: |wechat号 |微 信 |vx号：|加我v "
)
QQ = (
    "QQ |QQ号：|qq:|qq |QQ：|加QQ|加我qq |扣扣：|扣扣|Q号|企鹅号：|QQ群 |QQ群号：|my QQ is |"
    "q q |Q Q：|ＱＱ：|加Q "
)
PASSPORT = (
    "护照|护照号|护照号码：|护照号是|passport |passport no. |Passport number: |my passport is |"
    "passport #|港澳通行证|通行证号：|台胞证 |護照"
)
NAMES = "zhang.san li_lei hanmeimei anna.b+shop j-doe SHOP.OWNER w123456 x.y.z o'brien"
HOSTS = "qq.com 163.com gmail.com example.co.uk mail.example.com.cn foxmail.com uni-köln.de"


@dataclass(frozen=True)
class Personal:
    text: str
    secret: str
    """What must not be left, nor a longer piece of it."""


def digits(rng: Random, count: int) -> str:
    return "".join(rng.choice("0123456789") for _ in range(count))


def mobile(rng: Random) -> str:
    return rng.choice(["13", "15", "16", "17", "18", "19"]) + digits(rng, 9)


def grouped(number: str, *sizes: int, by: str) -> str:
    parts, at = [], 0
    for size in sizes:
        parts.append(number[at : at + size])
        at += size
    return by.join(parts)


def mobile_plain(rng: Random) -> str:
    number = mobile(rng)
    by = rng.choice(["", "", "", " ", "-", ".", "  ", " - ", "–"])
    return grouped(number, *rng.choice([(3, 4, 4), (3, 4, 4), (4, 3, 4), (3, 8), (3, 3, 5)]), by=by)


def mobile_with_86(rng: Random) -> str:
    by = rng.choice(["", " ", "-", "."])
    lead = rng.choice(["+86", "+86", "0086", "86", "(+86)", "（+86）", "+ 86", "＋86", "(86)"])
    return lead + rng.choice([by, "", " "]) + grouped(mobile(rng), 3, 4, 4, by=by)


def landline(rng: Random) -> str:
    area, size = rng.choice([("010", 8), ("021", 8), ("0755", 8), ("0571", 8), ("0513", 8)])
    if rng.random() < 0.2:
        area, size = rng.choice([("0379", 8), ("0951", 7), ("0892", 7)])
    number = rng.choice("2345678") + digits(rng, size - 1)
    by = rng.choice(["", "-", " "])
    number = by.join((number[: size - 4], number[size - 4 :]))
    around = rng.choice(["{}-", "{} ", "({})", "（{}）", "({}) ", "+86 {} ", "+86-{}-", "{}"])
    if around.startswith("+86"):
        area = area[1:]
    if around == "{}" and by:
        around = "{}-"
    extension = rng.choice(["", "", "", "转801", "-801", " ext. 12"])
    return around.format(area) + number + extension


def abroad(rng: Random) -> str:
    a, b, c = digits(rng, 3), digits(rng, 4), digits(rng, 4)
    north = f"{rng.choice('23456789')}{digits(rng, 2)}"
    return rng.choice(
        [
            f"+44 20 7{a} {b}",
            f"+44 (0)20 7{a} {b}",
            f"+447{digits(rng, 9)}",
            f"0044 7911 {digits(rng, 6)}",
            f"+1 ({north}) 555-{b}",
            f"+1-{north}-555-{b}",
            f"+1 {north}.555.{b}",
            f"({north}) 555-{b}",
            f"{north}-555-{b}",
            f"{north}.555.{b}",
            f"1-{north}-555-{b}",
            f"+81 90-{b}-{c}",
            f"+82-10-{b}-{c}",
            f"+852 9{a} {b}",
            f"+852-6{a}-{b}",
            f"+886 912 {a} {digits(rng, 3)}",
            f"+49 (0)30 {digits(rng, 6)}",
            f"+49 1{digits(rng, 2)} {digits(rng, 7)}",
            f"+33 6 {digits(rng, 2)} {digits(rng, 2)} {digits(rng, 2)} {digits(rng, 2)}",
            f"+7 9{digits(rng, 2)} {a}-{digits(rng, 2)}-{digits(rng, 2)}",
            f"+65 8{a} {b}",
            f"+61 4{digits(rng, 2)} {a} {digits(rng, 3)}",
            f"+91 9{digits(rng, 4)} {digits(rng, 5)}",
            f"+971 50 {a} {b}",
            f"call me on 07911 {digits(rng, 6)}",
            f"phone: 0412 {a} {digits(rng, 3)}",
            f"tel. 020 7{a} {b}",
            f"whatsapp 6{a} {b}",
        ]
    )


def written(style: str) -> Callable[[Random], str]:
    def make(rng: Random) -> str:
        number = mobile(rng)
        if rng.random() < 0.25:
            number = grouped(number, 3, 4, 4, by=rng.choice([" ", "-"]))
        return WRITTEN[style](rng, number)

    return make


def email(rng: Random) -> str:
    name = rng.choice([*NAMES.split(), "张三", "josé"]) + digits(rng, 3)
    host = rng.choice(HOSTS.split())
    dotted = host.replace(".", " dot ")
    return rng.choice(
        [
            *[f"{name}@{host}"] * 8,
            f"{name}＠{host}",
            f"{name}@{host}".translate({code: code + 0xFEE0 for code in range(33, 127)}),
            f"{name} @ {host}",
            f"{name}(at){host}",
            f"{name}[at]{host}",
            f"{name} at {dotted}",
            f"{name}#{host}",
            f"{name}＠{host.replace('.', '。')}",
            f"mailto:{name}@{host}",
        ]
    )


def handle(rng: Random) -> str:
    letters = "".join(rng.choice("abcdefghjkmnpqrstuvwxyz") for _ in range(rng.randint(3, 7)))
    number = digits(rng, rng.randint(3, 5))
    wxid = f"wxid_{letters}{number}22"
    return rng.choice([f"{letters}_{number}", letters + number, f"{letters}-{number}", wxid])


def wechat(rng: Random) -> str:
    lead = rng.choice(WECHAT.split("|"))
    return lead + handle(rng)


def qq(rng: Random) -> str:
    number = rng.choice("123456789") + digits(rng, rng.randint(5, 9))
    lead = rng.choice(QQ.split("|"))
    return lead + number


REGIONS = ("110105", "310115", "440305", "330106", "510107", "320583", "610113", "420106")


def identity(rng: Random) -> str:
    birth = f"{rng.randint(1940, 2012)}{rng.randint(1, 12):02}{rng.randint(1, 28):02}"
    if rng.random() < 0.15:
        return "身份证" + rng.choice(REGIONS) + birth[2:] + digits(rng, 3)
    core = rng.choice(REGIONS) + birth + digits(rng, 3)
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    check = sum(int(d) * w for d, w in zip(core, weights, strict=True)) % 11
    number = core + rng.choice(["10X98765432", "10x98765432"])[check]
    if rng.random() < 0.35:
        number = grouped(number, 6, 8, 4, by=rng.choice([" ", "-", ".", "  "]))
    if rng.random() < 0.1:
        number = number.translate({ord(d): ord(d) + 0xFEE0 for d in "0123456789X"})
    return rng.choice(["", "", "身份证", "身份证号：", "ID number "]) + number


def identity_abroad(rng: Random) -> str:
    letter = rng.choice("ABCDEGHKMPRSVYZ")
    return rng.choice(
        [
            f"SSN {digits(rng, 3)}-{digits(rng, 2)}-{digits(rng, 4)}",
            f"social security number: {digits(rng, 3)}-{digits(rng, 2)}-{digits(rng, 4)}",
            f"HKID {letter}{digits(rng, 6)}({rng.choice('0123456789A')})",
            f"香港身份证{letter}{digits(rng, 6)}（{rng.choice('0123456789A')}）",
            f"身份證字號{letter}{rng.choice('12')}{digits(rng, 8)}",
            f"台湾身份证：{letter}{rng.choice('12')}{digits(rng, 8)}",
        ]
    )


def passport(rng: Random) -> str:
    number = rng.choice(
        [
            *(f"E{digits(rng, 8)}", f"G{digits(rng, 8)}", f"EA{digits(rng, 7)}"),
            *(digits(rng, 9), f"E {digits(rng, 8)}", f"ej{digits(rng, 7)}", f"P{digits(rng, 7)}"),
        ]
    )
    lead = rng.choice(PASSPORT.split("|"))
    return lead + number


def plate(rng: Random) -> str:
    alphabet = "ABCDEFGHJKLMNPQRSTUVWXYZ0123456789"
    tail = "".join(rng.choice(alphabet) for _ in range(3)) + digits(rng, 2)
    if rng.random() < 0.3:
        tail = rng.choice("DF") + digits(rng, 5)
    region = rng.choice("京沪粤浙苏川鲁豫冀鄂湘闽皖渝津辽") + rng.choice("ABCDEFGH")
    lead = rng.choice(["", "", "车牌", "车牌号：", "我的车", "plate "])
    return lead + region + rng.choice(["", "", "", "·", "-", " "]) + tail


def card(rng: Random) -> str:
    prefix, size = rng.choice(
        [("622202", 19), ("621700", 19), ("622588", 16), ("4", 16), ("51", 16), ("37", 15)]
    )
    number = prefix + digits(rng, size - len(prefix) - 1)
    number += luhn_digit(number)
    sizes = (4, 6, 5) if size == 15 else (4, 4, 4, 4, 3)
    by = rng.choice(["", "", " ", " ", "-", ".", "  "])
    number = grouped(number, *sizes, by=by).rstrip(by or None)
    return rng.choice(["", "卡号", "银行卡号：", "card ", "Visa ", "招行"]) + number


def traditional(rng: Random) -> str:
    """As the same is written in Hong Kong and Taiwan."""
    return rng.choice(
        [
            *(f"電話{by}{rng.choice('569')}{digits(rng, 7)}" for by in ("：", "是", "號碼：")),
            *(f"手機{by}09{digits(rng, 8)}" for by in ("", "：", "號碼")),
            *(f"{word}{handle(rng)}" for word in ("微信號", "微訊：", "加我薇信號", "衛星號")),
            *(f"{word}{digits(rng, 9)}" for word in ("護照", "護照號碼E", "臺胞證號碼：")),
            f"QQ號{rng.randint(10**6, 10**10)}",
            f"身分證字號{rng.choice('ABCDEF')}{rng.choice('12')}{digits(rng, 8)}",
            f"車牌{rng.choice('粵滬魯閩遼蘇')}{rng.choice('ABCD')}{digits(rng, 5)}",
        ]
    )


def everyday(rng: Random) -> str:
    """As people write without thinking of it: no sign, a word in between, other groups."""
    near = rng.choice("569") + digits(rng, 3) + rng.choice(["", " ", "-"]) + digits(rng, 4)
    name = "".join(rng.choice("abcdefghjkmnpqrstuvwxyz") for _ in range(5)) + digits(rng, 3)
    number = mobile(rng)
    return rng.choice(
        [
            *(
                f"{word} {near}"
                for word in ("whatsapp me", "whatsapp me at", "text us on", "call me")
            ),
            *(f"{word}{near}" for word in ("联系我 ", "致电", "打给我")),
            *(f"{near} {word}" for word in ("是我家电话", "是我妈妈的手机", "is my home number")),
            *(f"{word}{name}" for word in ("加我LINE ", "line: ", "我的line是", "my line is ")),
            *(
                f"{word}{name}"
                for word in ("我的ins：", "add me on line ", "viber: ", "my wechat is ")
            ),
            *(f"{name}{at}gmail.com" for at in ("(a)", " [a] ", "{at}")),
            *(grouped(number, *sizes, by=" ") for sizes in ((5, 6), (6, 5), (7, 4))),
            f"电话 {grouped(number, 5, 3, 3, by=' ')}",
            *(
                f"07{rng.choice('45789')}{digits(rng, 8)}",
                f"080{rng.choice('123456')}{digits(rng, 7)}",
            ),
        ]
    )


KINDS: dict[str, Callable[[Random], str]] = {
    "mobile": mobile_plain,
    "mobile with +86": mobile_with_86,
    "landline": landline,
    "number abroad": abroad,
    **{f"{style} digits": written(style) for style in WRITTEN},
    "e-mail": email,
    "WeChat id": wechat,
    "QQ number": qq,
    "identity card": identity,
    "identity card abroad": identity_abroad,
    "passport": passport,
    "number plate": plate,
    "bank card": card,
}


KINDS["traditional characters"] = traditional
KINDS["everyday words"] = everyday


def personal_texts(kind: str, count: int, seed: int = 1) -> list[Personal]:
    rng = Random(f"{seed} {kind}")
    made = []
    for number in range(count):
        secret = KINDS[kind](rng)
        made.append(Personal(rng.choice(ZH if number % 2 else EN).format(x=secret), secret))
    return made
