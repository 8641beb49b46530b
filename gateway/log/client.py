"""A user agent → a short class of client: which SDK, app or browser asks. Pure.

SDKs, apps and mini programs are known by their own marks, browsers, phones and robots by uap-core's
rules (ua-parser): a CUBOT phone is no robot.
"""

import re
from functools import cache, lru_cache

from ua_parser import Parser
from ua_parser.basic import Resolver
from ua_parser.loaders import load_lazy_builtins

# By it the page says how a question came. A hint: whoever else sends it is believed as well.
SOURCE_HEADER = "x-question-source"
SOURCES = ("typed", "suggested")

# The first whose mark occurs, in this order: a mini program's agent also names WeChat's browser and
# a phone.
_APPS = (
    ("openai-python", ("openai/python", "asyncopenai/python")),
    ("openai-node", ("openai/js", "asyncopenai/js")),
    ("shopsight", ("shopsight",)),
    ("mini-program", ("miniprogram", "miniapp", "microapp", "swan/", "swan-")),
    ("wechat", ("micromessenger",)),
    ("ios-app", ("cfnetwork",)),
    ("android-app", ("okhttp", "dalvik")),
    # Which calls itself Android, too, on phones of before its own kernel.
    ("harmony", ("harmonyos", "openharmony", "arkweb")),
)
_SYSTEMS = {"iOS": "ios", "Android": "android", "Chrome OS": "desktop", "Chromecast": "other"}
_DESKTOPS = ("Windows", "Mac OS X", "Linux", "Ubuntu", "Fedora", "Debian", "FreeBSD", "OpenBSD")
_PHONES_OF_OLD = ("Windows Phone", "Windows Mobile", "Windows CE")
# At its beginning, or nothing else is known.
_LIBRARIES = (
    ("curl", ("curl/", "wget/")),
    ("python", ("python", "httpx", "aiohttp")),
    ("node", ("node", "axios", "undici")),
    ("java", ("java", "apache-httpclient")),
    ("go", ("go-http-client",)),
)
# Robots that uap-core takes for the phone that they name, too.
_ROBOT = re.compile(r"(?:compatible;[^)]*|\b(?!cubot)[a-z\-]*)(?:bot|spider|crawler)(?=[/;)]|$)")
# Who sends more does not want to be known; the rules look at each character many times.
MAX_CHARS = 400


def client_of(user_agent: str) -> str | None:
    """`other` for one that is not known, None where none was sent."""
    return _class_of(user_agent[:MAX_CHARS]) if user_agent else None


@lru_cache(maxsize=1024)  # 1 ms a new one
def _class_of(user_agent: str) -> str:
    agent = user_agent.lower()
    return (
        _marked(_LIBRARIES, agent.partition("/")[0])
        or _robot(user_agent, agent)
        or _marked(_APPS, agent)
        or _system(user_agent)
        or _marked(_LIBRARIES, agent)
        or "other"
    )


def _marked(classes: tuple[tuple[str, tuple[str, ...]], ...], agent: str) -> str | None:
    found = (name for name, marks in classes if any(mark in agent for mark in marks))
    return next(found, None)


def _robot(user_agent: str, agent: str) -> str | None:
    device = _parser().parse_device(user_agent)
    known = device is not None and device.family == "Spider"
    return "bot" if known or _ROBOT.search(agent) else None


def _system(user_agent: str) -> str | None:
    system = _parser().parse_os(user_agent)
    if system is None or system.family in _PHONES_OF_OLD:
        return None
    desktop = "desktop" if system.family.startswith(_DESKTOPS) else None
    return _SYSTEMS.get(system.family, desktop)


def prepare() -> None:
    """Read the rules, which takes 0.1 s, before the first request does."""
    _class_of("")


@cache  # 8 MB with all of its rules
def _parser() -> Parser:
    return Parser(Resolver(load_lazy_builtins()))


def source_of(hint: str | None) -> str | None:
    """How a question came, where the header says so; None for what is none of SOURCES."""
    return hint if hint in SOURCES else None
