"""A user agent → a short class of client: which SDK, app or browser asks. Pure."""

from functools import lru_cache

# The first whose mark occurs, in this order: a mini program's agent also names WeChat's browser and
# a phone, Edge's names Chrome.
_MARKS = (
    ("openai-python", ("openai/python", "asyncopenai/python")),
    ("openai-node", ("openai/js", "asyncopenai/js")),
    ("shopsight", ("shopsight",)),
    ("bot", ("bot", "spider", "crawler")),
    ("mini-program", ("miniprogram",)),
    ("wechat", ("micromessenger",)),
    ("ios-app", ("cfnetwork",)),
    ("android-app", ("okhttp", "dalvik")),
    ("ios", ("iphone", "ipad")),
    ("android", ("android",)),
    ("harmony", ("harmonyos", "openharmony")),
    ("desktop", ("windows nt", "macintosh", "x11;")),
    ("curl", ("curl/", "wget/")),
    ("python", ("python", "httpx", "aiohttp")),
    ("node", ("node", "axios", "undici")),
    ("java", ("java", "apache-httpclient")),
    ("go", ("go-http-client",)),
)


@lru_cache(maxsize=1024)
def client_of(user_agent: str) -> str | None:
    """`other` for one that is not known, None where none was sent."""
    agent = user_agent.lower()
    if not agent:
        return None
    found = (name for name, marks in _MARKS if any(mark in agent for mark in marks))
    return next(found, "other")
