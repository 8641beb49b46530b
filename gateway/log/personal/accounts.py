"""What names a person by the word in front: accounts of messengers, identity papers, phones without
a code, number plates. And addresses of mail. Pure."""

import re
from collections.abc import Callable

from gateway.log.personal.found import Findings, Found, is_round
from gateway.log.personal.numbers import ARTICLE, ARTICLE_CHARS, END, GAP

_CALL_ME = r"(?:call|text|ring|dial|phone|sms|whatsapp|message|reach|contact) (?:me|us)"
# A word for a phone, and what makes a number behind it one: a sign, or that it begins with 0.
_PHONE = (
    r"(?:电话|手机|联[系络]方式|联[系络]我|致电|打[给俾]我?|传真|座机|(?<![a-z])(?:tel|telephone"
)
_PHONE += rf"|phone|mobile|cell|whatsapp|telegram|fax|sms|my number|{_CALL_ME}))"
_SIGN = r"(?:\s?(?:号码?|number|no\b\.?|是|系|is|at|on|[:.#=])){1,3}\s?"
_CALL = r"(?<![a-z])(?:call|text|ring|dial) "

_ID = r"(?:(?:身[份分]证|居留证)(?:字?号码?)?|证件|hkid"
_ID += r"|(?<![a-z])id(?: card)?(?: ?(?:number|no\.?))?)"
_IS = r"(?:\s?(?:是|为|is|号码?|number|no\b|[:.#=(])){0,3}\s?"
_DATE = r"(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])"
_PASSPORT = r"(?:护照|passport|通行证|台胞证|回乡证)"
_PASSPORT += r"(?!\s?(?:holder|cover|case|wallet|sleeve|[包夹套袋]))"  # goods
_CALLED = r"(?:\s?[^\W\d_]{1,7}?[.#:]?){0,2}?\W{0,3}"

_WECHAT = (
    r"(?:[微薇威维徽溦]\s?[信芯讯]|wei\s?[信芯x]|微x|[微薇威][❤♥💗]|微(?=[: ]?[a-z\d])"
    r"|(?<=[加+➕])\s?[微薇]|卫星(?=号|:)|v信|wei\s?xin|we\s?chat|(?<![a-z\d])(?:[wv]\s?x|v(?=:))|(?:加我?|[+➕])\s?v)"
    r"(?:[吧呢啊呀哈同我的]|[,;] ?){0,3}"
)
_QQ = (
    r"(?:(?<![a-z])q\s?q|扣扣|(?<=[加我的])扣|扣(?=号)|(?<![\u4e00-\u9fff])扣(?=:? ?\d{7})"
    r"|(?<=[加我的])企鹅|企鹅(?=[号群]|:? ?\d{7})|(?<![a-z])q(?=号|:| ?\d{7})|加我?q)"
    r"[群号码\s]{0,3}"
)
_ACCOUNT = r"(?:\s?(?:号码?|账号|帐号|id|number|no\.?|群|是|为|叫|is|[:=\-]))"
# A digit or an underscore: words are ids only behind a sign.
_HANDLE = r"[a-z](?=[a-z_\-]{0,18}\d|[a-z\d\-]{0,18}_)[a-z\d_\-]{5,19}"

# Letters on end without a digit, but no word that goods have.
_NO_WORD = "(?!wechat|weixin|pay|iphone|android|huawei|xiaomi|airpods|sticker|emoji|mini|logo)"

_PROVINCE = "京津沪渝冀豫辽湘皖鲁苏浙赣鄂桂晋陕吉闽粤琼川藏贵"
_OTHER_PROVINCE = "云黑新甘蒙青宁使领"  # words of their own, too: 全新A12345
_PLATE = r"[a-hj-np-z][·•\-. ]?(?=[a-z]{0,2}[\da-z]{0,4}\d[\da-z]{0,4}\d)[df]?[\da-hj-np-z]{4}"
_PLATE += r"[\da-hj-np-z挂学警港澳](?![\da-z_\-])"

_LOCAL_PART = re.compile(r"[a-z0-9\u00c0-\u024f._%+'\-]")
_MAILERS = (
    r"(?:qq|163|126|139|189|gmail|outlook|hotmail|yahoo|icloud|foxmail|sina|sohu|aliyun|live)"
)
_HOST = r"[a-z0-9\u00c0-\u024f\u3400-\u9fff\-]{1,63}"
# 点 is one of the dots below: in a name, too, there would be millions of ways to read 点点点点.
_NAME = r"[a-z0-9\u00c0-\u024f\u3400-\u70b8\u70ba-\u9fff\-]{1,63}"
_CHINESE_DOMAIN = "(?:中国|公司|网络|网址|网站|集团|商城|商店|在线|中文网|我爱你|香港|台湾|手机)"
_DOT = r"\s?(?:[.。点]|\(dot\)|\[dot\]|\bdot\b)\s?"
# `(a)` is a point of a list, too: behind it stands a host in Latin letters.
_LATIN = rf"(?=(?:{_MAILERS}{_DOT}|[a-z0-9\u00c0-\u024f\-]{{1,63}}"
_LATIN += r"(?:\.|\s?[(\[]dot[)\]]\s?|\sdot\s))[a-z])"
# A sign for `@`, and the host behind it.
_AT = re.compile(
    rf"\s?(?:@|艾特)\s?(?:{_NAME}[.。点]){{1,6}}(?:[a-z]{{2,24}}(?![a-z\d])|{_CHINESE_DOMAIN})"
    rf"|(?:\s?[(\[{{]at[)\]}}]\s?|(?:[(\[{{]a[)\]}}]|\s[(\[{{]a[)\]}}]\s(?={_MAILERS})){_LATIN}){_HOST}(?:{_DOT}[a-z0-9\-]{{2,63}}){{1,3}}"
    rf"| at {_HOST}(?: dot [a-z0-9\-]{{2,63}}){{1,3}}"
    rf"| at {_MAILERS}(?:{_DOT}[a-z]{{2,10}}){{1,2}}"
    rf"|[#*]\s?(?:{_HOST}[.。]){{1,3}}(?:com|cn|net|org|[a-z]{{2}})(?![a-z\d])"
)
_SHOPS = "(?:amazon|ebay|etsy|walmart|target|taobao|tmall|jd|temu|shein|aliexpress)"
_BATTERIES = {"10440", "14500", "16340", "18350", "18500", "18650", "20700", "21700", "26650"}
_LONGEST_LOCAL_PART = 64
_HAN_NAME = 4


def _is_no_list(text: str) -> bool:
    """Groups of one digit are sizes; of four that begin with 19 or 20 a date; of hundreds
    prices; or batteries."""
    groups = re.findall(r"\d+", text)
    if _BATTERIES.issuperset(groups) or (len(groups) > 1 and is_round(text)):
        return False
    return min(map(len, groups)) > 1 and not (
        len(groups) > 1 and re.match("(?:19|20)..$", groups[0])
    )


_Rule = tuple[str, tuple[str, ...], re.Pattern[str], Callable[[str], bool] | None]


def _rule(
    label: str, words: str, pattern: str, check: Callable[[str], bool] | None = None
) -> _Rule:
    """Looked for where one of the words stands; the group `it` is what is personal."""
    return label, tuple(words.split("|")), re.compile(pattern), check


_PHONES = (
    "电话|手机|联系|联络|致电|打|传真|座机|tel|phone|mobile|cell|whatsapp|fax|sms|me|us|number"
)
_MESSENGERS = "信|芯|讯|微|薇|卫星|chat|x|v"
_NUMBER = rf"(?P<it>\(?\d(?:{GAP}\d){{6,11}}){END}"
_NUMBER_FROM_0 = rf"(?P<it>\(?0\d(?:{GAP}\d){{6,10}}){END}"
_MOBILE_IN_ANY_GROUPS = rf"(?P<it>1[3-9]\d(?:{GAP}\d){{8}}){END}"
_AMERICAN = r"(?P<it>\(?[2-9]\d\d\)?[ .\-]?[2-9]\d\d[ .\-]?\d{4})"
_RULES = (
    _rule("phone", _PHONES, _PHONE + _SIGN + _NUMBER, _is_no_list),
    _rule("phone", _PHONES, rf"{_PHONE}\s?{_NUMBER_FROM_0}", _is_no_list),
    _rule("phone", _PHONES, rf"{_PHONE}\s?{_MOBILE_IN_ANY_GROUPS}"),
    _rule("phone", _PHONES, rf"{_PHONE}\s?{_AMERICAN}{END}"),
    _rule("phone", "call|text|ring|dial", _CALL + _NUMBER_FROM_0, _is_no_list),
    _rule("phone", "call|text|ring|dial", rf"{_CALL}(?:me |us )?(?:at |on )?{_AMERICAN}{END}"),
    _rule(
        "phone",
        "whatsapp|电话|座机|我|致电| me| us",
        rf"(?:whatsapp|电话|座机|联[系络]我|打[给俾]我|致电|(?<![a-z]){_CALL_ME})\s?"
        rf"(?P<it>[2-9]\d{{2,3}}[ \-]?\d{{4}}){END}",
        _is_no_list,
    ),
    _rule("id", "证|id", rf"{_ID}{_IS}(?P<it>\d{{8}}{_DATE}\d{{3}})(?!\d)"),
    _rule(
        "id",
        "证|id",
        rf"{_ID}{_IS}(?P<it>[a-z]{{1,2}}\d{{6}}\(?[\da]\)?|[a-z][1289]\d{{8}})(?![\da-z])",
    ),
    _rule(
        "id",
        "ssn|social",
        r"(?:ssn|social security)\D{0,12}(?P<it>\d{3}[ -]?\d\d[ -]?\d{4})(?!\d)",
    ),
    _rule(
        "passport",
        "照|passport|证",
        rf"{_PASSPORT}{_CALLED}(?P<it>[a-z]{{1,2}}\s?\d{{7,8}}|\d{{8,9}}){END}",
    ),
    _rule("account", "q|扣|企鹅", rf"{_QQ}{_ACCOUNT}{{0,3}}\s?(?P<it>[1-9]\d{{4,10}}){END}"),
    _rule(
        "account",
        _MESSENGERS,
        rf"{_WECHAT}{_ACCOUNT}{{0,3}}\s?(?P<it>{_HANDLE}|\d{{6,11}})(?![a-z\d])",
    ),
    _rule(
        "account",
        _MESSENGERS,
        rf"{_WECHAT}(?=\s?(?:号|id|是|:)){_ACCOUNT}{{1,3}}\s?(?P<it>[a-z][a-z\d_\-]{{5,19}})",
    ),
    _rule("account", "微信", rf"微信(?P<it>{_NO_WORD}[a-z]{{6,20}})(?![a-z\d])"),
    _rule("plate", "0|1|2|3|4|5|6|7|8|9", rf"(?P<it>[{_PROVINCE}]{_PLATE})"),
    _rule("plate", "·|•", rf"(?P<it>[{_OTHER_PROVINCE}](?=[a-z][·•]){_PLATE})"),
    _rule("plate", "车牌", rf"车牌号?码?是?\W{{0,2}}(?P<it>[{_OTHER_PROVINCE}]{_PLATE})"),
    _rule("plate", "车牌", rf"(?P<it>[{_OTHER_PROVINCE}]{_PLATE})(?=.{{0,5}}车牌)"),
)


def accounts(text: str) -> Findings:
    for label, words, pattern, check in _RULES:
        if any(word in text for word in words):
            for found in pattern.finditer(text):
                start = found.start()
                if label == "account" and ARTICLE.search(
                    text, max(0, start - ARTICLE_CHARS), start
                ):
                    continue
                if check is None or check(found["it"]):
                    yield Found(*found.span("it"), label)


def _is_of_article(text: str, start: int) -> bool:
    """Whether what begins there is a model by the word in front: 型号 QQ123456."""
    return bool(ARTICLE.search(text, max(0, start - ARTICLE_CHARS), start))


def addresses(text: str) -> Findings:
    """Of mail: what stands before the sign for `@`, and the host."""
    for host in _AT.finditer(text):
        start = host.start()
        least = max(0, start - _LONGEST_LOCAL_PART)
        while start > least and _LOCAL_PART.match(text[start - 1]):
            start -= 1
        if start == host.start():
            least = max(0, start - _HAN_NAME)
            while start > least and "\u3400" <= text[start - 1] <= "\u9fff":
                start -= 1
        spoken = " at " in host[0]
        enough = len(text[start : host.start()]) > (1 if spoken or "#" in host[0] else 0)
        if enough and (not spoken or _is_local_part(text[start : host.start()], host[0])):
            yield Found(start, host.end(), "email")


def _is_local_part(text: str, host: str) -> bool:
    """`look at amazon dot com` is no address; with a digit, or at a house of mail, it is."""
    if re.match(rf" at {_MAILERS}\b", host):
        return True
    told = re.search(r"[\d._]", text) and len(text) > 2
    return bool(told and not re.match(rf" at {_SHOPS}\b", host))
