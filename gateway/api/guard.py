"""Stands before all routes. Refuses addresses that mean another than they say, hosts that are not
ours and what pages of other sites send, unless their origin is listed. Over TLS the session's
cookie is bound to this host. Whatever ends a request, its client gets an error in our form."""

import asyncio
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import unquote

from prometheus_client import CollectorRegistry, Counter
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from contract.errors import BadRequest, Overloaded, ShopsightError
from contract.http import MAX_DRAIN_BYTES
from contract.http_protocol import answer_in_our_form, error_response
from gateway.api.hosts import READS, Hosts, cors_headers, is_cross_site, preflight_headers
from gateway.errors import CrossSiteRequest, HostNotServed
from gateway.identity.sessions import SESSION_COOKIE

# How long the body of what is refused is read, so that its sender sees why.
DRAIN_S = 5
# A name has 253 characters at most. Longer ones would fill the memory of known hosts.
MAX_HOST_CHARS = 260
NOSNIFF = (b"x-content-type-options", b"nosniff")
# A browser takes a cookie of that name only over TLS, for this host alone and all its paths. So no
# other host of the same site, and nobody on an open network, can put a session in its place.
SECURE_COOKIE = f"__Host-{SESSION_COOKIE}"
# `;` because some servers cut a segment there.
_DOT_SEGMENT = re.compile(r"(?:^|[/\\])\.{1,2}(?:[/\\;?#]|$)")
_ODD = re.compile(rb"[%\\]|/\.")
_ENCODED_SLASH = re.compile(rb"%(?:25)*(?:2f|5c)", re.IGNORECASE)
# Below these there is an id, which may hold a slash.
_WITH_IDS = (b"/v1/users/", b"/v1/models/")
# More layers of percent-encoding than that nobody decodes.
_LAYERS = 4


class Refusals:
    """What was refused before it came to a route. Such requests have no row in the log."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.count = Counter(
            "gateway_turned_away_total",
            "Requests refused before any route, by the code of the refusal",
            ["code"],
            registry=registry,
        )


class Guard:
    def __init__(
        self,
        app: ASGIApp,
        hosts: Hosts,
        origins: Iterable[str] = (),
        refusals: Refusals | None = None,
    ) -> None:
        """`origins`: others than our own whose pages may send, and read what is answered."""
        self._app = app
        self._hosts = hosts
        self._origins = frozenset(origins)
        self._refusals = refusals
        self.state: Any = getattr(app, "state", None)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        secure = scope["scheme"] == "https"
        cors = self._cors(scope) if self._origins else []

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*_guarded(message["headers"], secure), *cors]
            await send(message)

        error = self._refusal(scope)
        if error is None:
            if scope["method"] == "OPTIONS" and len(cors) > 1 and _is_preflight(scope):
                await _answer_preflight(scope, send_guarded)
                return
            if secure:
                scope["headers"] = [_own_cookie(*header) for header in scope["headers"]]
            await answer_in_our_form(self._app, scope, receive, send_guarded, Overloaded())
            return
        if self._refusals is not None:
            self._refusals.count.labels(error.code).inc()
        await _read_to_its_end(receive)
        await error_response(error, scope)(scope, receive, send_guarded)

    def _cors(self, scope: Scope) -> list[tuple[bytes, bytes]]:
        """What the answer tells a browser. Also that it would tell another page something else."""
        origin = dict(scope["headers"]).get(b"origin", b"")
        listed = origin.decode("latin-1") in self._origins
        return [(b"vary", b"Origin"), *(cors_headers(origin) if listed else [])]

    def _refusal(self, scope: Scope) -> ShopsightError | None:
        if not is_plain(scope["raw_path"]):
            return BadRequest()
        headers = dict(scope["headers"])  # a third of the time of starlette's Headers
        host = headers.get(b"host")
        if host is None:  # HTTP/1.0 needs none, and no browser speaks it
            return None
        name = host.decode("latin-1")
        if len(name) > MAX_HOST_CHARS or not self._hosts.serve(name):
            return HostNotServed()
        if scope["method"] in READS:
            return None
        origin, site = headers.get(b"origin"), headers.get(b"sec-fetch-site")
        if origin is None and site is None:
            return None
        cross_site = is_cross_site(_text(origin), _text(site), name, self._origins)
        return CrossSiteRequest() if cross_site else None


def _is_preflight(scope: Scope) -> bool:
    return any(name == b"access-control-request-method" for name, _ in scope["headers"])


async def _answer_preflight(scope: Scope, send: Send) -> None:
    """Before limits, keys and the log: it has no body and says nothing of anybody."""
    wanted = dict(scope["headers"]).get(b"access-control-request-headers")
    headers = preflight_headers(wanted)
    await send({"type": "http.response.start", "status": 204, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("latin-1")


def is_plain(raw_path: bytes) -> bool:
    """False for a dot segment, however it is encoded, and for an encoded slash outside of an id. A
    proxy before us would see another address than we do, and would limit or log that."""
    if not _ODD.search(raw_path):
        return True
    if _ENCODED_SLASH.search(raw_path) and not raw_path.startswith(_WITH_IDS):
        return False
    path = raw_path.decode("latin-1")
    for _ in range(_LAYERS):
        if _DOT_SEGMENT.search(path):
            return False
        path = unquote(path, encoding="latin-1")
    return True


def _guarded(headers: Iterable[tuple[bytes, bytes]], secure: bool) -> list[tuple[bytes, bytes]]:
    kept = list(headers)
    if NOSNIFF not in kept:
        kept.append(NOSNIFF)
    if secure:
        own = f"{SESSION_COOKIE}=".encode()
        kept = [
            (name, b"__Host-" + value + b"; Secure")
            if name == b"set-cookie" and value.startswith(own)
            else (name, value)
            for name, value in kept
        ]
    return kept


def _own_cookie(name: bytes, value: bytes) -> tuple[bytes, bytes]:
    """The session's cookie as routes know it. One that came without TLS does not count."""
    if name != b"cookie":
        return name, value
    pairs = (pair.strip().partition("=") for pair in value.decode("latin-1").split(";"))
    kept = [
        f"{SESSION_COOKIE if cookie == SECURE_COOKIE else cookie}={content}"
        for cookie, _, content in pairs
        if cookie != SESSION_COOKIE
    ]
    return name, "; ".join(kept).encode("latin-1")


async def _read_to_its_end(receive: Receive) -> None:
    seen, more = 0, True
    with suppress(TimeoutError):
        async with asyncio.timeout(DRAIN_S):
            while more and seen <= MAX_DRAIN_BYTES:
                message: Mapping[str, Any] = await receive()
                seen += len(message.get("body", b""))
                more = message["type"] == "http.request" and message.get("more_body", False)
