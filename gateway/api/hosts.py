"""Which names of a host, and which origins, are ours. Pure."""

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
