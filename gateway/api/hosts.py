"""Which names of a host, and which origins, are ours, and what browsers are told of it. Pure."""

import ipaddress
import re
from collections.abc import Iterable
from functools import lru_cache

_HOST = re.compile(r"([a-z0-9_.-]+|\[[0-9a-f:.]+\])(:\d{0,5})?", re.ASCII | re.IGNORECASE)
_DEFAULT_PORTS = (":80", ":443")
# Nobody can register a name under these (RFC 6762, 6761, 8375; ICANN 2024), so no page of a
# stranger's is served under one. Names that are one word only exist in one's own network, too.
LOCAL_SUFFIXES = (".local", ".localhost", ".internal", ".home.arpa")
HOSTS_REMEMBERED = 1_024
# How long a browser may remember what it was told about an address: Chrome's longest.
PREFLIGHT_S = 7_200
# Names of headers that a page wants to send, as a browser lists them.
_HEADER_NAMES = re.compile(rb"[A-Za-z0-9_,\- ]{1,1000}")
# What only reads. A browser sends everything else with its page's origin.
READS = ("GET", "HEAD", "OPTIONS")


class Hosts:
    """A name that leads to this server without being meant to is a stranger's: by DNS rebinding
    its page would be of our origin. Addresses and local names are ours. `names`: public ones, `*.`
    before a name for all below it, `*` for any."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        lowered = {name.lower() for name in names}
        self._any = "*" in lowered
        self._names = frozenset(lowered)
        self._below = tuple(name[1:] for name in lowered if name.startswith("*."))
        self.serve = lru_cache(HOSTS_REMEMBERED)(self._serve)

    def _serve(self, header: str) -> bool:
        """Whether a request with this Host is for us. False for what is no host, too."""
        matched = _HOST.fullmatch(header)
        if matched is None:
            return False
        host = matched[1].lower().removesuffix(".")
        if self._any or host in self._names or host.endswith(self._below):
            return True
        return _is_address(host) or "." not in host or host.endswith(LOCAL_SUFFIXES)


def is_cross_site(origin: str | None, site: str | None, host: str, origins: frozenset[str]) -> bool:
    """Whether a page of another origin makes its browser send this. Browsers say so in
    Sec-Fetch-Site (`site`), or in Origin where they are older or the connection is not safe. Apps
    and curl send neither. `origins`: others that may."""
    if origin is not None and origin in origins:
        return False
    if site is not None:
        return site not in ("same-origin", "none")
    return origin is not None and _place(origin.partition("://")[2]) != _place(host)


def cors_headers(origin: bytes) -> list[tuple[bytes, bytes]]:
    """Of an answer to a page of that origin. No credentials: a page of another site is known by the
    token that it was given, and so `*` may stand for all headers of an answer."""
    return [
        (b"access-control-allow-origin", origin),
        (b"access-control-expose-headers", b"*"),
    ]


def preflight_headers(wanted: bytes | None) -> list[tuple[bytes, bytes]]:
    """Of the answer to a browser that asks whether a page may send something, with the headers
    `wanted`: clients' libraries add many of their own."""
    headers = [
        (b"access-control-allow-methods", b"GET, HEAD, POST, DELETE"),
        (b"access-control-max-age", str(PREFLIGHT_S).encode()),
        (b"content-length", b"0"),
        (b"vary", b"Access-Control-Request-Headers"),
    ]
    if wanted is not None and _HEADER_NAMES.fullmatch(wanted):
        headers.append((b"access-control-allow-headers", wanted))
    return headers


def _place(host: str) -> str:
    """Host and port, without a scheme's own port: a proxy that ends TLS may leave it out."""
    for port in _DEFAULT_PORTS:
        host = host.removesuffix(port)
    return host.lower()


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True
