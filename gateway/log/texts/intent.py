"""What a shopper wants to know: a question → one of INTENTS, by rules in Chinese and English. Pure.
docs/analysts.md tells how often that is right; tests/unit/log/test_intent.py measures it."""

import re
import unicodedata

# Where several match, the one that occurs first in the question decides. Where two match at the
# same place, the order here decides.
_SPECIFIC: dict[str, str] = {
    "authenticity": (
        r"正品|真伪|真品|真货|假货|高仿|仿品|山寨|真的还是假|真假|辨别真|真的假的|是真的吗"
        r"|是不是真的|保真"
        r"|\b(?:authentic(?:ity)?|counterfeits?|fakes?|knock-?offs?|replicas?|genuine(?! leather"
        r"| suede)|legit|is (?:it|this|that) (?:real|an original)(?=[?!. ]*$))\b"
    ),
    "material": (
        r"真皮|人造革|皮质|牛皮|羊皮|材质|材料|面料|质地|什么做的|什么料|做成的|纯棉|全棉|棉的"
        r"|羊毛|羊绒|真丝|丝绸|涤纶|亚麻|实木|不锈钢|塑料|金属的|纯银|纯金|是皮的|布的|陶瓷"
        r"|玻璃的|成分|橡胶|羽绒吗|含棉"
        r"|\b(?:materials?|fabrics?|made (?:of|from|out)|leather|suede|pu|cotton|wool(?:len)?"
        r"|silk|linen|cashmere|polyester|stainless|plastic|metal|ceramic|solid wood|wooden|canvas"
        r"|denim|gold or|plated|lining)\b"
    ),
    "brand": (
        r"品牌|牌子|什么牌|哪个牌|哪家的|谁家的|厂家|商标|标志|什么logo|是(?:耐克|阿迪|苹果|华为"
        r"|爱马仕|香奈儿|古驰|无印良品|宜家)的"
        r"|\b(?:brands?|logos?|labels?|who (?:makes|made|designed|manufactures)|manufacturers?"
        r"|designer|maker|is (?:this|it|that) by)\b"
    ),
    "price": (
        r"多少钱|价格|价钱|价位|贵不贵|贵吗|便宜|划算|性价比|值得买|值不值|值多少|打折|卖多少"
        r"|能卖|卖几|几块|预算"
        r"|\b(?:how much (?:is|are|does|do|would|should|for)|prices?|priced|costs?|expensive"
        r"|cheap(?:er)?|worth|afford|pricey|value|overpriced|discounts?|budget|on sale"
        r"|good deal)\b"
    ),
    "gift": (
        r"送给|送礼|送人|礼物|礼品|生日|母亲节|父亲节|情人节|适合.{0,6}(?:妈|爸|奶奶|爷爷|外婆"
        r"|长辈|老人|女朋友|男朋友|女友|男友|老婆|老公|孩子|小孩|宝宝|学生|老师|同事|领导|岁|女生"
        r"|男生|女孩|男孩|女士|男士|人群|什么人|谁|哪些人)|给.{0,4}(?:妈|爸|奶奶|爷爷|孩子|宝宝"
        r"|女儿|儿子|老婆|老公).{0,6}(?:买|用|穿|合适)|(?:妈|爸|奶奶|爷爷|长辈|老人|孩子|女友"
        r"|男友|老婆|老公|朋友)会?(?:喜欢|玩)|(?:岁|宝宝|婴儿)的?.{0,3}(?:用|玩|穿|戴)"
        r"|送.{1,5}(?:合适|好吗|怎么样)"
        r"|\b(?:gifts?|presents?|birthday|mother'?s day|father'?s day|valentine'?s?|christmas"
        r"|(?:suit|for|suitable for|right for|good for) (?:(?:my|a|an|your|the|his|her"
        r"|our) )?(?:[^ ]+ )?(?:mother|mom|mum|father|dad|wife|husband|girlfriend|boyfriend"
        r"|friend|son|daughter|kids?|child(?:ren)?|toddlers?|babies|baby|teen(?:ager)?s?"
        r"|students?|teachers?|grand\w+|women|woman|men|man|boss|colleague|elderly|adults?|girls?"
        r"|boys?|sister|brother|aunt|uncle|year[- ]old)|whom?(?: is| are| would| does| should)?"
        r"|housewarming|would (?:my|his|her|your) \S+ (?:like|love|enjoy)|year[- ]old)\b"
    ),
    "size": (
        r"尺寸|尺码|多大|大小|多长|多宽|多高|多厚|多重|重量|重不重|容量|装得下|装下|放得下|放下"
        r"|能装|几升|码数|选码|偏大|偏小|什么码|几码|多少厘米|多少斤"
        r"|\b(?:sizes?|sizing|dimensions?|how (?:big|large|long|wide|tall|heavy|deep|thick|small"
        r"|many litres)|fits?|capacity|weight|weigh|measurements?|holds? (?:a|my|an|how)|roomy"
        r"|run (?:small|large)|true to size|height|width)\b"
    ),
    "colour": (
        r"颜色|什么色|哪种色|色号|配色|色差|几种色|其他色|色还是"
        r"|\b(?:colou?rs?|shades?|hue|tint|(?:is|are) (?:it|this|that|they) (?:navy|black|white"
        r"|red|blue|green|brown|beige|grey|gray|pink) or)\b"
    ),
    "care": (
        r"清洗|清洁|清理|机洗|手洗|水洗|怎么洗|能洗|洗吗|可以洗|洗衣机|保养|护理|打理|褪色|掉色"
        r"|缩水|起球|熨|去污|除味|晾|烘干|生锈|发霉|[的么]洗|弄脏|脏了"
        r"|\b(?:wash(?:able|ed|ing)?|clean(?:ed|ing)?|iron(?:ed|ing)?|care|shrink|fades?"
        r"|dry[- ]?clean|tumble|stains?|maintain|polish|bleach|pilling|rust|machine[- ]wash"
        r"|dirty)\b"
    ),
    "style": (
        r"搭配|怎么搭|百搭|风格|穿搭|款式|好看吗$|好看吗[?。!]|好不好看|时尚|复古|流行|过时|显胖"
        r"|显瘦|显老|显矮|显高|场合|上班|通勤|约会|面试|婚礼|正式|休闲吗|配什么"
        r"|\b(?:styles?|stylish|match(?:es)?|go(?:es)? with|pair(?:ed)? with|outfits?"
        r"|fashion(?:able)?|trend(?:y|ing)?|look good|formal|casual|occasions?|wedding|interview"
        r"|dress(?:y|ed) up|party|vintage|retro|wear (?:this|it|these|them) (?:to|with)"
        r"|what (?:to|should i) wear)\b"
    ),
}
_USE = (
    r"能用|可以用|可用|能不能|可不可以|可以.{0,10}吗|能.{0,12}吗|怎么用|如何使用|用法|用途"
    r"|干什么用|做什么用|适合.{0,12}(?:吗|用)|适用|防水|电磁炉|微波炉|洗碗机|保温|耐|结实|功能"
    r"|安全吗|支持|兼容|好用|适不适合"
    r"|\b(?:can (?:i|you|it|this|we|they)|could i|use[ds]?|using|suitable|waterproof"
    r"|water[- ]resistant|dishwasher|microwave|induction|work(?:s)? (?:with|on|for)"
    r"|how do(?:es)? (?:i|it|this|you)|compatible|durable|sturdy|comfortable|keeps?|safe|purpose"
    r"|features?|function|good for|strong enough|support)\b"
)
_IDENTIFY = (
    r"是什么|这是啥|是啥|什么东西|叫什么|是个啥|做什么的|介绍|描述|看看这|什么包|什么鞋|哪一款"
    r"|哪款|型号|认识|图[片里中]|照片"
    r"|\b(?:what(?:'s| is| are)? (?:this|that|it|these|the|shown|in)|what(?:'s"
    r"| is) (?:in )?(?:the|this)|what (?:am i|kind|type|sort|model|do you see)|describe"
    r"|tell me about|identify|recogni[sz]e|which model|is (?:this|it) an?|picture|photo"
    r"|name of)\b"
)
INTENTS = (*_SPECIFIC, "use", "identify", "other")
_SPECIFIC_RULE = re.compile("|".join(f"(?P<{name}>{rule})" for name, rule in _SPECIFIC.items()))
_OTHER_RULES = tuple(
    (name, re.compile(rule)) for name, rule in (("use", _USE), ("identify", _IDENTIFY))
)


def intent_of(question: str) -> str:
    """The specific intent that the question names first; else `use`, `identify` or `other`."""
    text = unicodedata.normalize("NFKC", question).casefold().replace("’", "'")
    if match := _SPECIFIC_RULE.search(text):
        return match.lastgroup or "other"
    return next((name for name, rule in _OTHER_RULES if rule.search(text)), "other")
