"""A user agent → a short class of client: which SDK, app or browser asks. Pure."""

from functools import lru_cache

# The first class with a mark in the user agent wins. The order matters: a mini program's agent also
# names WeChat's browser and a phone.
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
    """The class of a user agent: `other` for an unknown one, None for an empty one."""
    agent = user_agent.lower()
    if not agent:
        return None
    matches = (name for name, marks in _MARKS if any(mark in agent for mark in marks))
    return next(matches, "other")
