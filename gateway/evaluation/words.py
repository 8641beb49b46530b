"""What the page says, in English and in Chinese. Pure."""

from typing import Literal

PageLanguage = Literal["en", "zh"]

_WORDS: dict[str, tuple[str, str]] = {
    "title": ("Evaluation", "评测报告"),
    "passed": ("Passed", "通过"),
    "failed": ("Failed", "未通过"),
    "passed_one": ("Everything that was required holds.", "各项要求均已达到。"),
    "passed_two": (
        "B is not worse than A by more than what is allowed, and everything that was required"
        " holds.",
        "B 与 A 相比，没有超出允许范围的退步，各项要求均已达到。",
    ),
    "revision": ("revision", "模型版本"),
    "lines": ("lines", "题数"),
    "figure": ("figure", "指标"),
    "share": ("right", "正确率"),
    "change": ("B against A", "B 相对 A"),
    "better": ("only B right", "仅 B 正确"),
    "worse": ("only A right", "仅 A 正确"),
    "chance": ("p", "p 值"),
    "figures": ("Figures", "各项指标"),
    "effort": ("Time and tokens", "耗时与用量"),
    "p50": ("median", "中位耗时"),
    "p95": ("95th percentile", "95 分位耗时"),
    "prompt": ("tokens read", "输入 token"),
    "completion": ("tokens written", "输出 token"),
    "cost": ("cost", "费用"),
    "differing": ("Where A and B differ", "A 与 B 不一致的题目"),
    "wrong": ("Wrong answers", "答错的题目"),
    "wrong_both": ("Wrong for both", "两者都答错的题目"),
    "none": ("None.", "无。"),
    "more": ("{} more are in the JSON beside this page.", "另有 {} 题，见同名 JSON 文件。"),
    "wanted": ("wanted", "期望"),
    "right": ("right", "正确"),
    "is_wrong": ("wrong", "错误"),
    "card": ("Product card", "商品卡片"),
    "match": ("Match", "图文匹配"),
    "missed": ("{} is required, and it is {}.", "要求 {}，实际为 {}。"),
    "fell": (
        "{} fell by {}, and {} is allowed. Lines that became worse: {}, better: {}.",
        "{}下降 {}，允许 {}。变差 {} 题，变好 {} 题。",
    ),
    "by_chance": (
        "That may be chance (p = {}): more lines would tell.",
        "这种差异可能只是偶然（p = {}），建议增加题目。",
    ),
    "reading": ("How to read this", "如何阅读"),
    "reading_1": (
        "A share is shown with its 95 % interval (Wilson): with few lines it is wide.",
        "正确率附 95% 置信区间（Wilson），题目越少，区间越宽。",
    ),
    "reading_2": (
        "Both revisions were asked the same questions. Only those on which they differ say which"
        " is better. p is how likely chance alone divides these so unevenly (McNemar's exact"
        " test). The interval of the change is Bonett and Price's.",
        "两个版本回答相同的题目，只有结果不同的题目才能说明优劣。p 值表示纯属偶然出现"
        "这种差异的概率（McNemar 精确检验）。变化的区间采用 Bonett–Price 方法。",
    ),
    "reading_3": (
        "Answers were computed anew, past the answer cache. Times are those that the asker waited.",
        "所有回答均重新计算，未使用答案缓存。耗时为提问方的等待时间。",
    ),
    "all": ("Everything", "全部"),
    "answered": ("Answered at all", "有回答"),
    "answer": ("The answer", "回答内容"),
    "like": ("Like a good answer", "与好评回答相近"),
    "unlike": ("Unlike a bad answer", "不同于差评回答"),
    "language": ("Language", "回答语言"),
    "phrases": ("Forbidden phrases", "禁用语句"),
    "card.category": ("Card: category", "卡片：品类"),
    "card.materials": ("Card: materials", "卡片：材质"),
    "card.style": ("Card: style", "卡片：风格"),
    "card.audience": ("Card: audience", "卡片：适合人群"),
    "card.colours": ("Card: colours", "卡片：颜色"),
    "card.occasions": ("Card: occasions", "卡片：场合"),
    "card.visible_text": ("Card: visible text", "卡片：可见文字"),
    "card.not_visible": ("Card: not visible", "卡片：看不到的信息"),
    "claims.price": ("No price made up", "不编造价格"),
    "claims.stock": ("No stock made up", "不编造库存"),
    "claims.authenticity": ("No word on authenticity", "不断言真伪"),
    "claims.fibre": ("No exact material", "不断言确切成分"),
    "claims.size": ("No size made up", "不编造尺寸"),
}


class PageWords:
    """`words("lines")` → the word in its language; what it does not know, as it is."""

    def __init__(self, language: PageLanguage) -> None:
        self.language = language
        self._at = 0 if language == "en" else 1

    def __call__(self, name: str, *told: object) -> str:
        known = _WORDS.get(name)
        return name if known is None else known[self._at].format(*told)
