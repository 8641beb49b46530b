"""Origins of pages that may send, and names that are served: the settings' texts, as browsers write
them. Pure."""

import re

# As a browser names its page's: scheme, host and a port that is not the scheme's own. Web views of
# apps have schemes of their own.
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://([a-z0-9_.-]+|\[[0-9a-f:.]+\])(:\d{1,5})?", re.ASCII)

# A name alone. Before it `*.` for all below, `*` for any.
_HOST = re.compile(r"\*|(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\]", re.ASCII)


def checked_host(text: str) -> str:
    """Raises ValueError: for an address of a page, or a name with a port, which no host equals."""
    host = text.lower()
    if not _HOST.fullmatch(host):
        raise ValueError("a host is a name alone: shop.example, *.shop.example, or * for any")
    return host


def checked_origin(text: str) -> str:
    """An origin as browsers write it. Raises ValueError: for `*` too, which would let any page
    send with its visitor's browser what only our own page may."""
    origin = text.lower()
    if not _ORIGIN.fullmatch(origin):
        raise ValueError("an origin is a scheme, a host and perhaps a port: https://shop.example")
    scheme, _, place = origin.partition("://")
    own = {"http": ":80", "https": ":443"}.get(scheme)
    return f"{scheme}://{place.removesuffix(own) if own else place}"
