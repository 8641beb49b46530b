"""Ids of people on networks and messengers other than WeChat and QQ, behind the network's name.
Pure."""

import re

from gateway.log.personal.found import Findings, Found

_NAMES = (
    *("telegram", "skype", "kakao", "instagram", "insta", "snapchat", "tiktok", "小红书", "抖音"),
    *("line", "ins", "ig", "tg"),
)
_NETWORK = r"(?:telegram|skype|kakao(?: ?talk)?|insta(?:gram)?|snapchat|tiktok|小红书|抖音)"
# Words of their own: only behind a sign.
_SHORT = r"(?<![a-z\d])(?:ig|tg|ins)"
_ANY_NETWORK = rf"(?:{_NETWORK}|{_SHORT}|(?<![a-z\-])line)"
_CALLS = r"(?:telegram|skype|kakao(?: ?talk)?)"  # shops and brands have none
_ID = r"\s?(?:账号|帐号|用户名|号码?|id|user ?name|handle|account)"
_SIGN = r"(?:\s?(?:是|叫|为|is|[:=])){1,2}\s?"
_HANDLE = r"[a-z\d](?:[a-z\d_\-]|\.(?=[a-z\d_])){3,29}"
# Begins with a letter, and is no word: sizes begin with a digit.
_TELLING = r"(?=[a-z][a-z.\-]{0,29}[\d_])"
_END = r"(?![a-z\d_])"
_RULES = tuple(
    re.compile(rule + _END)
    for rule in (
        rf"{_ANY_NETWORK}{_ID}(?:{_SIGN})?\s?@?(?P<it>{_HANDLE})",
        rf"{_ANY_NETWORK}\s?:?\s?@(?P<it>{_HANDLE})",
        rf"(?:{_NETWORK}|{_SHORT}){_SIGN}(?P<it>(?:live:)?{_TELLING}{_HANDLE})",
        rf"{_CALLS}{_SIGN}(?P<it>(?:live:)?(?=[a-z]){_HANDLE})",
        rf"{_CALLS}\s(?P<it>{_TELLING}(?=[a-z\d_.\-]{{6}}){_HANDLE})",
        rf"{_NETWORK}\s?(?P<it>(?=[a-z\d]{{1,29}}_){_HANDLE})",
    )
)


def profiles(text: str) -> Findings:
    if not any(name in text for name in _NAMES):
        return
    for rule in _RULES:
        for found in rule.finditer(text):
            yield Found(*found.span("it"), "account")
