"""Which addresses photos may be fetched from: what clients write, and what ops list. Pure.

One pattern reads an address. Its authority has letters, digits, hyphens and dots only. So there is
no user, no bracket, no escape and no foreign dot in it that two parsers could read differently."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import quote, urljoin

from contract.errors import UrlNotAllowed

HTTPS_PORT = 443
_URL = re.compile(
    # A dot at the end of a name says that it is whole: it is the same name.
    r"https://((?:[a-z0-9-]{1,63}\.)+[a-z0-9-]{1,63})\.?(?::([0-9]{1,5}))?([/?][^#]*)?(?:#.*)?",
    re.IGNORECASE | re.ASCII,
)
# Browsers drop some of these, and read a backslash as a slash.
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f\\]")
_PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
# The last label is no number: 127.1, 0x7f.1 and 2130706433 are addresses to a resolver.
_NAME = rf"(?:{_LABEL}\.)+(?!0x|[0-9]+\b){_LABEL}"
_LISTED = re.compile(rf"(\*\.)?({_NAME})(?::([0-9]{{1,5}}))?", re.ASCII)


@dataclass(frozen=True)
class PhotoUrl:
    host: str
    port: int
    target: str
    """Path and query, in ASCII."""

    def __repr__(self) -> str:
        return "PhotoUrl()"  # a path or a query may be somebody's secret

    @property
    def authority(self) -> str:
        return self.host if self.port == HTTPS_PORT else f"{self.host}:{self.port}"

    def joined(self, location: str) -> "PhotoUrl":
        """Where a redirect from here leads. Raises UrlNotAllowed."""
        return read_url(urljoin(f"https://{self.authority}{self.target}", location))


def read_url(text: str) -> PhotoUrl:
    """Raises UrlNotAllowed for everything but https, a name and perhaps a port."""
    matched = _URL.fullmatch(text)
    if matched is None or _FORBIDDEN.search(text):
        raise UrlNotAllowed
    host, port, target = matched.groups()
    target = target or "/"
    try:
        ascii_target = quote(target if target.startswith("/") else f"/{target}", safe=_PRINTABLE)
    except UnicodeEncodeError:  # half a surrogate pair
        raise UrlNotAllowed from None
    return PhotoUrl(host.lower(), int(port or HTTPS_PORT), ascii_target)


class ListedHosts:
    """Of one tenant: names, `*.` before a name for all below it, perhaps with a port."""

    def __init__(self, entries: Iterable[str]) -> None:
        self._names: set[tuple[str, int]] = set()
        self._below: list[tuple[str, int]] = []
        for entry in entries:
            below, name, port = _read_entry(entry)
            place = name, port
            if below:
                self._below.append((f".{name}", port))
            else:
                self._names.add(place)

    def allow(self, url: PhotoUrl) -> bool:
        if (url.host, url.port) in self._names:
            return True
        return any(url.host.endswith(end) and url.port == port for end, port in self._below)


def _read_entry(entry: str) -> tuple[bool, str, int]:
    """Raises ValueError."""
    matched = _LISTED.fullmatch(entry.lower())
    if matched is None or not 0 < int(matched[3] or HTTPS_PORT) < 65_536:
        raise ValueError(
            "IMAGE_URL_HOSTS: hosts are names such as cdn.shop.example, *.img.example or"
            " cdn.shop.example:8443"
        )
    return bool(matched[1]), matched[2], int(matched[3] or HTTPS_PORT)


def read_hosts(text: str) -> dict[str, tuple[str, ...]]:
    """`tenant=host host,tenant=…` → hosts by tenant. Raises ValueError."""
    found: dict[str, tuple[str, ...]] = {}
    for item in filter(str.strip, text.split(",")):
        tenant, equals, hosts = map(str.strip, item.partition("="))
        if not (tenant and equals) or tenant in found:
            raise ValueError("IMAGE_URL_HOSTS: tenant=host host,tenant=host")
        found[tenant] = tuple(hosts.split())
    check_hosts(found)
    return found


def check_hosts(hosts: Mapping[str, Iterable[str]]) -> None:
    """Raises ValueError."""
    for each in hosts.values():
        ListedHosts(each)
