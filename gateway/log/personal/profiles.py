"""Ids of people on networks and messengers, behind the network's name: of WeChat and QQ those that
are words alone, the others are `accounts`. Pure."""

import re

from gateway.log.personal.found import Findings, Found

# The first may have shops and brands, the others have people only.
_SHOPS = (
    *("instagram", "insta", "snapchat", "tiktok", "facebook", "twitter"),
    *("小红书", "抖音", "快手", "微博"),
)
_CALLS = ("telegram", "skype", "kakao", "viber", "discord", "zalo")
NAMES = (*_SHOPS, *_CALLS, "wechat", "we chat", "weixin", "wx", "vx", "qq")
"""One of these is in a text with such an id, or a short name."""
SHORT_NAMES = re.compile(r"(?<![a-z])(?:line|ins|ig|tg)(?![a-z])")
_WHERE_CALLS = f"(?:{'|'.join(_CALLS)})(?: ?talk)?"
_NETWORK = f"(?:{'|'.join(_SHOPS)}|{_WHERE_CALLS})"
# Words of their own: only behind a sign.
_SHORT = r"(?<![a-z\d])(?:ig|tg|ins)"
_ANY_NETWORK = rf"(?:{_NETWORK}|{_SHORT}|(?<![a-z\-])line)"
_ID = r"\s?(?:账号|帐号|用户名|号码?|id|user ?name|handle|account)"
_SIGN = r"(?:\s?(?:是|叫|为|系|is|[:=])){1,2}\s?"
_HANDLE = r"[a-z\d](?:[a-z\d_\-]|\.(?=[a-z\d_])){3,29}"
# Begins with a letter, and is no word: sizes begin with a digit.
_TELLING = r"(?=[a-z][a-z.\-]{0,29}[\d_])"
# A line of goods has such names, too: x2000.
_LIKE_A_NAME = r"(?=[a-z]{3}[a-z.\-]{0,27}[\d_])"
_END = r"(?![a-z\d_])"
_MINE = r"(?:加我?的?|我[的个]?|(?<![a-z])(?:my|add me on) )\s?"
# What `my line is …` may go on with when it is no name. Nor is any word behind which the sentence
# goes on: `my ig is where I saw it`.
_STATE = (
    "busy|dead|down|open|full|long|short|gone|back|good|also|just|very|still|only|the|not|broken"
    "|blocked|banned|linked|locked|closed|frozen|hacked|working|disabled|registered|connected"
    "|private|available|unavailable|already|always|currently|offline|online|installed|verified"
)
_NAMED = rf"(?!(?:{_STATE}){_END})(?=[a-z])(?:(?<!is ){_HANDLE}|{_TELLING}{_HANDLE}"
_NAMED += rf"|{_HANDLE}(?!\s+(?!and my|please|pls|thanks|add)[a-z]))"
_RULES = tuple(
    re.compile(rule + _END)
    for rule in (
        rf"{_ANY_NETWORK}{_ID}(?:{_SIGN})?\s?@?(?P<it>{_HANDLE})",
        rf"{_ANY_NETWORK}\s?:?\s?@(?P<it>{_HANDLE})",
        rf"(?:{_NETWORK}|{_SHORT}){_SIGN}(?P<it>(?:live:)?{_TELLING}{_HANDLE})",
        r"(?:(?<![a-z\d\-])(?<![a-z\d][ \-])|(?<= or ))line"
        rf"\s?:\s?(?P<it>{_LIKE_A_NAME}{_HANDLE})",
        rf"{_WHERE_CALLS}{_SIGN}(?P<it>(?:live:)?{_NAMED})",
        rf"{_WHERE_CALLS}\s(?P<it>{_TELLING}(?=[a-z\d_.\-]{{6}}){_HANDLE})",
        rf"{_NETWORK}\s?(?P<it>(?=[a-z\d]{{1,29}}_){_HANDLE})",
        rf"{_MINE}{_ANY_NETWORK}(?:{_SIGN})?\s?(?P<it>{_LIKE_A_NAME}{_HANDLE})",
        rf"(?:我[的个]?|(?<![a-z])my )\s?(?:{_ANY_NETWORK}|we ?chat|weixin|[wv]x|qq){_SIGN}"
        rf"(?P<it>{_NAMED})",
    )
)


def profiles(text: str) -> Findings:
    if not (SHORT_NAMES.search(text) or any(name in text for name in NAMES)):
        return
    for rule in _RULES:
        for found in rule.finditer(text):
            yield Found(*found.span("it"), "account")
