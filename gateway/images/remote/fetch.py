"""One photo from its address: over TLS, from an address that was looked up once and is public,
within bounds of time and size. The only place of a gateway that speaks to the internet."""

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable, Iterable, Mapping
from functools import partial

import httpcore

from contract.errors import PayloadTooLarge, UrlNotAllowed
from gateway.images.remote.errors import (
    ImageUrlRedirected,
    ImageUrlRefused,
    ImageUrlTooSlow,
    ImageUrlUnreachable,
)
from gateway.images.remote.hosts import PhotoUrl
from gateway.images.remote.known import Fetched
from gateway.images.remote.public import is_public
from gateway.images.remote.slots import FetchSlots, Slot

log = logging.getLogger(__name__)

# For a connection to one address, TLS apart. Three tries of a lost packet take as long.
CONNECT_TIMEOUT_S = 3.0
# Of one name, one of each family first: many machines have an IPv6 address that leads nowhere.
MAX_ADDRESSES = 2
MAX_REDIRECTS = 2
REDIRECTS = (301, 302, 303, 307, 308)
_HEADERS = (
    (b"user-agent", b"Shopsight"),
    (b"accept", b"image/jpeg, image/png, image/webp"),
    # What is compressed could become a thousand times as much here.
    (b"accept-encoding", b"identity"),
)

LookUp = Callable[[str, int], Iterable[str]]
"""A host and a port → its addresses, in the order in which they are to be tried. Blocks."""


def look_up(host: str, port: int) -> list[str]:
    """As the system does. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(each[4][0]) for each in found))


def addresses_to_try(found: Iterable[str]) -> list[str]:
    families: dict[bool, str] = {}
    for address in found:
        families.setdefault(":" in address, address)
    return list(dict.fromkeys((*families.values(), *found)))[:MAX_ADDRESSES]


class PinnedBackend(httpcore.AsyncNetworkBackend):
    """Connects to these addresses, whatever their name means by now."""

    def __init__(self, addresses: Iterable[str]) -> None:
        self._addresses = tuple(addresses)
        self._backend = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        *others, last = self._addresses
        for address in others:
            try:
                return await self._backend.connect_tcp(address, port, timeout)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return await self._backend.connect_tcp(last, port, timeout)


class PhotoFetcher:
    """`may_connect`, `look_up`, `context`: for tests, whose servers are on this machine; no setting
    leads here. `proxy`: it looks names up then, and says which addresses it connects to."""

    def __init__(
        self,
        slots: FetchSlots,
        timeout_s: float,
        proxy: str | None = None,
        *,
        may_connect: Callable[[str], bool] = is_public,
        look_up: LookUp = look_up,
        context: ssl.SSLContext | None = None,
    ) -> None:
        self._slots = slots
        self._timeout_s = timeout_s
        self._proxy = httpcore.Proxy(proxy) if proxy is not None else None
        self._may_connect = may_connect
        self._look_up = look_up
        self._context = context or ssl.create_default_context()

    async def fetch(
        self, url: PhotoUrl, tenant: str, max_bytes: int, condition: Mapping[str, str]
    ) -> Fetched:
        """Raises the errors of this folder, PayloadTooLarge beyond `max_bytes`, RateLimited.
        `condition`: headers by which its server may say that nothing has changed."""
        async with self._slots.of(tenant) as slot:
            try:
                async with asyncio.timeout(self._timeout_s):
                    return await self._fetch(url, slot, max_bytes, condition)
            except (TimeoutError, httpcore.TimeoutException):
                raise ImageUrlTooSlow from None
            except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.ProxyError, OSError):
                raise ImageUrlUnreachable from None

    async def _fetch(
        self, url: PhotoUrl, slot: Slot, max_bytes: int, condition: Mapping[str, str]
    ) -> Fetched:
        headers = [*_HEADERS, (b"host", url.authority.encode())]
        headers += [(name.encode(), value.encode()) for name, value in condition.items()]
        async with await self._connections(url, slot) as connections:
            for _ in range(MAX_REDIRECTS + 1):
                target = httpcore.URL(
                    scheme=b"https",
                    host=url.host.encode(),
                    port=url.port,
                    target=url.target.encode(),
                )
                timeouts = {"connect": CONNECT_TIMEOUT_S}
                async with connections.stream(
                    "GET", target, headers=headers, extensions={"timeout": timeouts}
                ) as response:
                    if response.status not in REDIRECTS:
                        return await _read(response, max_bytes, bool(condition))
                    url = _next(url, response)
        raise ImageUrlRedirected

    async def _connections(self, url: PhotoUrl, slot: Slot) -> httpcore.AsyncConnectionPool:
        """For this photo alone: what is checked here holds for all that goes over them."""
        if self._proxy is not None:
            return httpcore.AsyncConnectionPool(self._context, self._proxy, max_connections=1)
        found = list(await slot.in_thread(partial(self._look_up, url.host, url.port)))
        # One that is not public among others is what somebody tries who wants us to go on to it.
        if not found or not all(map(self._may_connect, found)):
            log.warning("a photo is not fetched: its host has an address that is not public")
            raise ImageUrlUnreachable
        pinned = PinnedBackend(addresses_to_try(found))
        return httpcore.AsyncConnectionPool(
            self._context, max_connections=1, network_backend=pinned
        )


def _next(url: PhotoUrl, response: httpcore.Response) -> PhotoUrl:
    """Where a redirect leads: it may lead to the same host only. Raises ImageUrlRedirected."""
    location = _headers(response).get("location", "")
    try:
        found = url.joined(location)
    except (UrlNotAllowed, ValueError):
        raise ImageUrlRedirected from None
    if not location or (found.host, found.port) != (url.host, url.port):
        raise ImageUrlRedirected
    return found


async def _read(response: httpcore.Response, max_bytes: int, conditional: bool) -> Fetched:
    headers = _headers(response)
    if response.status == 304 and conditional:
        return Fetched(None, headers)
    if response.status >= 500 or response.status in (408, 429):
        raise ImageUrlUnreachable
    if response.status != 200 or headers.get("content-encoding", "identity").lower() != "identity":
        raise ImageUrlRefused
    length = headers.get("content-length", "")
    if length.isdigit() and int(length[:20]) > max_bytes:
        raise PayloadTooLarge
    pieces, size = [], 0
    async for piece in response.aiter_stream():
        size += len(piece)
        if size > max_bytes:
            raise PayloadTooLarge
        pieces.append(piece)
    return Fetched(b"".join(pieces), headers)


def _headers(response: httpcore.Response) -> dict[str, str]:
    return {
        name.decode("latin-1").lower(): value.decode("latin-1").strip()
        for name, value in response.headers
    }
