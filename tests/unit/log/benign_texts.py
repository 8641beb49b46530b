"""Made-up texts about goods, full of numbers and names, by seed: what the masker must leave."""

from collections.abc import Callable
from random import Random

from tests.unit.log.number_styles import ean_digit
from tests.unit.log.personal_texts import digits

FIXED = """
这是什么品牌?适合送给妈妈吗? | 这是真皮吗? | iPhone 15 Pro 256 | 型号 DS-2CD2143 | ￥12,888.00
2026-11-27 | 38.5码 | 1080x1920 | 加V领的裙子显瘦吗 | V领好看还是圆领好看 | 微信支付可以吗
支持微信吗 | WeChat Pay accepted? | 微信小程序里能买吗 | QQ糖好吃吗 | 这个是QQ弹弹的材质吗
QQ飞车的周边吗 | 护照夹是真皮吗 | Is this passport holder real leather?
passport size photo 35x45 mm | 护照包能放几本护照 | 车牌架是不锈钢吗 | 京东A款和B款哪个好
沪深300指数的杯子 | 川崎H2模型 | GB 18401-2010 B类 | GB/T 22849-2014 | 沪ICP备12345678号
浙B2-20100257 | 执行标准 Q/320581ABC001-2018 | 国药准字H20123456 | SC10133028200123
①真皮②人造革③帆布 选哪个 | 1️⃣是什么牌子 2️⃣多少钱 3️⃣适合谁 | 1️⃣2️⃣3️⃣选哪个 | 二〇二六年新款吗
一二三四五六七八九十 | 七八百块值吗 | 三四五岁能玩吗 | 一百三十八元贵吗 | 一五一十地说
九九八十一 | 五五开 | @kelvo on the label | 标签上写着@NIKE | a@b | price @ 12.50 each | 12 @ 3.50
look @ this. | v2.13.4.1381 | 192.168.1.1 | 100% 棉 | 5-6-7-8-9-10-11 | 36/37/38/39/40/41
S-M-L-XL 160/84A 165/88A 170/92A | 微信红包封面 | 微信头像同款 | Is it on WeChat?
vx系列和wx系列有什么区别 | WX-200 型号 | VX7 有防水吗 | weixin mini program | 加微量元素吗
加微绒 | 威信县特产 | 卫星锅 | 维信诺屏幕 | 扣扣子怎么扣 | 扣扣 3 个 | Q版手办 | Q10 辅酶 100 粒
+V 领 | passport cover 1234 | Passport to Paris print | 通行证套 | 台胞证套 2 个
身份证夹 能放18张卡 | card holder for 12 cards | 卡包 16 卡位 | is it at least 10.5 dot com style
meet at 10.30 | 尺码 38 39 40 41 42 43 44 | 2 x 4 x 6 x 8 | 30 40 50 60 70 cm
size 6 7 8 9 10 11 12 13 | call of duty | telescopic 1200 mm | phone case for 13 14 15
纽扣 24680 | 皮扣 120000 次 | 企鹅 10000 只 | 护照包 E12345678 | passport holder 12345678
passport cover: 20241115 | 序列号13800138000 | 订单 13800138000 | SN 13800138000 | S/N: 13800138000
style number 415-555-2671 | part no. 415-555-2671 | Art. 0212345678 | Ref 0212345678
500-800-1000元 | 200-300-4000 | (300) 400-5000 | DDR4 3200 3600 4000 4400 | 手机 13 128 256 512 GB
电话手表 Z7 | 手机壳 iPhone13 14 15 16 | whatsapp sticker
iphone 15 pro max 256 | 尺码 175 92 | A-line dress | line 5 | line: 2mm | line: x2000
product line: classic2024 | my wechat is broken | 加line 5 | 加ins风2024 | ins风 dress2024
1920 1080 144 | 15000 200000 km | 13800 200000 | 0986424797 | 07119904525 | 手机 2400 1080
12345678是我要的型号 | 12345678 is my order number | 62345678是我的手机型号吗
text me when size 38 39 40 41 is back | call me if it is below 1299 | call me 2024 11 15
option (a) nike.com | size (a) or (b) | my line is busy | Line friends 2024 | reach us 9 to 18
line of 12345678 | fishing line 0.25mm 100m | facebook同款 | 微博爆款2024 | in line with 38 39 40
"""
MODELS = (
    "DS-2CD{4}G2-I WH-{4}XM{1} RTX {4} SM-S{3}B A{4} ThinkPad-X{2} DD{4}-{3} CW{4}-{3} MR{3}V{1}"
)
MODELS += " B07F{4}S{2}R EOS-R{1} i{1}-{5}KF XPS{2}-{4} {6}-{3} FX{4}-{1}BB QK-{5} HD{4}/{2} GM{3}X"


def _ean(rng: Random, lead: str, count: int) -> str:
    number = lead + digits(rng, count - 1 - len(lead))
    return number + ean_digit(number)


def price(rng: Random) -> str:
    value = rng.choice([rng.randint(9, 999), rng.randint(1000, 99_999), rng.randint(10**5, 10**8)])
    return rng.choice(
        [
            f"￥{value:,}.00",
            f"¥{value}",
            f"{value}元",
            f"${value:,}.{digits(rng, 2)}",
            f"RMB {value:,}",
            f"{value / 10_000:.2f}万",
            f"原价{value}.00元,现价{value // 2}元",
            f"€ {value}.-",
            f"{value} yuan",
            f"HK${value}",
        ]
    )


def size(rng: Random) -> str:
    a, b, c = (rng.randint(3, 260) for _ in range(3))
    return rng.choice(
        [
            f"{a}x{b}x{c} cm",
            f"{a}*{b}*{c}",
            f"{rng.randint(35, 47)}.5码",
            f"{rng.randint(150, 190)}/{rng.randint(80, 110)}A",
            f"{a}-{b} cm, {b}-{c} cm",
            f"{rng.randint(640, 7680)}x{rng.randint(480, 4320)}",
            f"{a}.{b} mm",
            f"EU {rng.randint(35, 47)} 2/3",
            f"{2 ** rng.randint(5, 10)}GB+{rng.randint(1, 4)}TB",
            f"{a}ml / {b}g / {c} W",
            f"{a}×{b}×{c}毫米",
        ]
    )


def model(rng: Random) -> str:
    phones = ["iPhone 15 Pro 256", "iPad Pro 11 2024", "Xiaomi 14 512"]
    pattern = rng.choice([*MODELS.split(), *phones])
    for count in "123456":
        pattern = pattern.replace(f"{{{count}}}", digits(rng, int(count)))
    return rng.choice(["型号 ", "model ", "", "货号:", "Style No. "]) + pattern


def article(rng: Random) -> str:
    return rng.choice(
        [
            f"货号 {digits(rng, 12)}",
            f"SKU{mobile_like(rng)}X",
            f"SKU {rng.choice('ABCD')}{digits(rng, 10)}",
            f"订单号 {rng.randint(2020, 2026)}{rng.randint(1, 12):02}{digits(rng, 8)}",
            f"order no. #{digits(rng, 7)}",
            f"批号 {digits(rng, 8)}",
            f"lot {digits(rng, 6)}-{digits(rng, 2)}",
            f"{digits(rng, 6)}-{digits(rng, 3)} {rng.choice('黑白红')}色",
            f"item {digits(rng, 4)}/{digits(rng, 3)}/{digits(rng, 3)}",
        ]
    )


def mobile_like(rng: Random) -> str:
    return "138" + digits(rng, 8)


def bar_code(rng: Random) -> str:
    code = _ean(rng, rng.choice(["690", "691", "692", "693", "694", "400", "590", "880"]), 13)
    isbn = _ean(rng, "9787", 13)
    upc = _ean(rng, rng.choice("0678"), 12)
    return rng.choice(
        [
            code,
            f"{code[0]} {code[1:7]} {code[7:]}",
            f"条形码{code}",
            f"EAN {code}",
            isbn,
            f"ISBN {isbn[:3]}-{isbn[3]}-{isbn[4:7]}-{isbn[7:12]}-{isbn[12]}",
            upc,
            f"UPC {upc[0]} {upc[1:6]} {upc[6:11]} {upc[11]}",
            _ean(rng, "69", 8),
        ]
    )


def moment(rng: Random) -> str:
    year, month, day = rng.randint(1980, 2030), rng.randint(1, 12), rng.randint(1, 28)
    clock = f"{rng.randint(0, 23):02}:{rng.randint(0, 59):02}"
    return rng.choice(
        [
            f"{year}-{month:02}-{day:02}",
            f"{year}/{month}/{day} {clock}:00",
            f"{year}{month:02}{day:02}",
            f"{year}年{month}月{day}日",
            f"{day}.{month}.{year}",
            f"{year}-{month:02}-{day:02}T{clock}",
            f"{year}-{year + 3}年",
            f"{month}月{day}日 {clock}",
            f"since {year}",
        ]
    )


def quantity(rng: Random) -> str:
    many = rng.randint(2, 10**8)
    return rng.choice(
        [
            f"月销 {many} 件",
            f"{many:,} reviews",
            f"{rng.randint(2, 60)} 期免息",
            f"{rng.randint(1, 99)}.{digits(rng, 6)}",
            f"{rng.randint(2, 9)}-{rng.randint(10, 40)} pcs",
            f"{rng.randint(100, 9999)} 针",
            f"{rng.randint(5, 60)}000mAh",
            f"{rng.randint(1, 20)}:{rng.randint(1, 9)}",
            f"第{rng.randint(2, 900)}页 {rng.randint(10**6, 10**7)} 浏览",
        ]
    )


MAKERS: tuple[Callable[[Random], str], ...] = (
    *(price, size, model, article, bar_code, moment, quantity),
)
ZH = (
    "{x}",
    "这个{x}是什么意思",
    "{x}的适合妈妈吗?",
    "标签写着{x}，是真皮吗",
    "{x}和{y}哪个好",
    "有{x}吗，要{y}",
)
EN = ("{x}", "What does {x} mean?", "Is {x} right for my mother", "{x} or {y}?", "it says {x}, {y}")


def benign_texts(count: int, seed: int = 1) -> list[str]:
    rng = Random(f"{seed} benign")
    made = [text.strip() for text in FIXED.replace("\n", "|").split("|") if text.strip()]
    while len(made) < count:
        x, y = rng.choice(MAKERS)(rng), rng.choice(MAKERS)(rng)
        made.append(rng.choice(ZH if len(made) % 2 else EN).format(x=x, y=y))
    return made
