"""HTTP at the rim of both services: bodies read with a bound, every error in the one JSON shape."""

import asyncio
import logging
import re
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from http import HTTPStatus

from blake3 import blake3
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.routing import BaseRoute, Match, Route
from starlette.types import Scope, Send

from contract import errors
from contract.errors import ShopsightError
from contract.fields import fault_of, is_plain_name
from contract.images import MAX_IMAGE_BYTES
from contract.text.charsets import charset_named
from contract.text.language import told_in

# The largest photo as base64, with room for the turns around it.
MAX_BODY_BYTES = MAX_IMAGE_BYTES * 4 // 3 + 256 * 1024
# A refused body is read to its end up to here, so that the client sees the answer, not a reset.
MAX_DRAIN_BYTES = 4 * MAX_BODY_BYTES
# The pieces of a body (16-256 KB each) are put together when they are this much: many small blocks
# that live for as long as large ones leave holes in the heap, a hundred megabytes after a rush.
GATHER_BYTES = 320 * 1024
# Where the scope of a request has how much of its body was read so far.
BODY_BYTES = "shopsight.body_bytes"

log = logging.getLogger("shopsight")

_ROUTING = {404: errors.NotFound, 405: errors.MethodNotAllowed}
# ASCII is a part of it.
UTF8 = ("utf_8", "ascii")
_OTHER_NAMES = {"text/json": "application/json"}
_REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")


class UnsupportedMediaType(errors.ClientError):
    """`expected`: what this address takes, not what others do."""

    status = 415
    code = "unsupported_media_type"

    def __init__(self, *expected: str) -> None:
        super().__init__()
        self.expected = expected

    def message(self, language: str) -> str:
        if language == "zh":
            return f"请使用未压缩的 UTF-8 {' 或 '.join(self.expected)}。"
        return f"Send {' or '.join(self.expected)} in UTF-8, not compressed."


class BodyTooLarge(errors.PayloadTooLarge):
    """Of a request that shows no photo. `max_bytes`: what its address takes."""

    def __init__(self, max_bytes: int) -> None:
        super().__init__()
        self.max_bytes = max_bytes

    def message(self, language: str) -> str:
        most = self.max_bytes // 1024
        return f"请求超过了 {most} KB。" if language == "zh" else f"The request exceeds {most} KB."


def media_type(request: Request) -> str:
    """What the body is called, in lower case and without parameters. For a photo it says nothing:
    there the bytes decide."""
    named = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return _OTHER_NAMES.get(named, named)


def check_media_type(request: Request, *expected: str) -> None:
    """Raise UnsupportedMediaType unless the body is one of `expected`, in UTF-8 and not
    compressed."""
    params = request.headers.get("content-type", "").lower().split(";")[1:]
    pairs = [param.partition("=") for param in params]
    charsets = [value.strip(" \"'") for name, _, value in pairs if name.strip() == "charset"]
    encoding = request.headers.get("content-encoding", "identity").lower()
    if media_type(request) not in expected or encoding != "identity":
        raise UnsupportedMediaType(*expected)
    if any(charset_named(charset) not in UTF8 for charset in charsets):
        raise UnsupportedMediaType(*expected)


async def bounded_stream(
    request: Request, bound: BodyTooLarge | None = None
) -> AsyncIterator[bytes]:
    """The body's chunks. Past its `bound` that is raised, and the rest is not kept; without one it
    is that of photos, and PayloadTooLarge."""
    headers = request.headers
    max_bytes = bound.max_bytes if bound else MAX_BODY_BYTES
    too_large = bound or errors.PayloadTooLarge()
    if "content-length" not in headers and "transfer-encoding" not in headers:
        raise errors.LengthRequired
    declared = int(headers.get("content-length", 0))  # the server refuses what is no number
    if declared > max_bytes and expects_continue(headers):
        raise too_large  # its sender waits for leave to send it
    seen = 0
    async for chunk in request.stream():
        seen += len(chunk)
        request.scope[BODY_BYTES] = seen
        if seen > MAX_DRAIN_BYTES:
            break
        if max(seen, declared) <= max_bytes:
            yield chunk
    if max(seen, declared) > max_bytes:
        raise too_large


def expects_continue(headers: Mapping[str, str]) -> bool:
    return headers.get("expect", "").lower() == "100-continue"


@dataclass(frozen=True)
class Body:
    """A body in the pieces in which it came, some put together, and the BLAKE3 of all of it."""

    pieces: Sequence[bytes | bytearray]
    digest: str

    @property
    def data(self) -> bytes:
        return b"".join(self.pieces)


async def read_body(request: Request, bound: BodyTooLarge | None = None) -> Body:
    """Hashed as it streams in: a body already seen need not even be put together. `bound`: as in
    `bounded_stream`."""
    hasher = blake3()
    gathered = bytearray()
    pieces: list[bytes] = []
    waiting = 0
    async for chunk in bounded_stream(request, bound):
        hasher.update(chunk)
        pieces.append(chunk)
        waiting += len(chunk)
        if waiting >= GATHER_BYTES:
            gathered += b"".join(pieces)
            pieces.clear()
            waiting = 0
    return Body((gathered, *pieces), hasher.hexdigest())


class EventStream(StreamingResponse):
    """A stream that closes its generator when the client leaves, instead of leaving that to the
    garbage collector: slots, followers and log rows hang on it."""

    media_type = "text/event-stream"
    longest_s = 180.0
    """Then a reader who takes it slowly is cut off: an answer is computed within its deadline, and
    the log waits for the end (`gateway.log.outbox.delivery.LONGEST_REQUEST_S`)."""

    def __init__(self, body: AsyncGenerator[bytes], headers: dict[str, str]) -> None:
        # x-accel-buffering: a proxy that does not know better would hold the stream back.
        headers = {**headers, "cache-control": "no-cache", "x-accel-buffering": "no"}
        super().__init__(body, headers=headers)
        self._body = body

    async def stream_response(self, send: Send) -> None:
        timer = asyncio.timeout(self.longest_s)
        try:
            async with aclosing(self._body), timer:
                await super().stream_response(send)
        except TimeoutError:  # without its last byte the server closes the connection
            if not timer.expired():
                raise
        except asyncio.CancelledError as gone:  # anyio keeps it, and with it all that streamed
            raise gone.with_traceback(None) from None


def request_id(headers: Mapping[str, str]) -> str:
    """The client's or a proxy's own, or a new one."""
    given = headers.get("x-request-id", "")
    return given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(16)


def json_error(
    error: ShopsightError, language: str, headers: dict[str, str] | None = None
) -> JSONResponse:
    headers = {**(headers or {}), **error.headers}
    if error.retry_after_s is not None:
        headers["retry-after"] = str(error.retry_after_s)
    if error.status == HTTPStatus.UNAUTHORIZED:
        headers["www-authenticate"] = "Bearer"
    return JSONResponse(error.body(language), error.status, headers)


def _methods_at(scope: Scope, routes: Sequence[BaseRoute]) -> set[str]:
    there = (route for route in routes if route.matches(scope)[0] is not Match.NONE)
    return {method for route in there if isinstance(route, Route) for method in route.methods or ()}


def install_error_handlers(app: FastAPI, routes: Sequence[BaseRoute] = ()) -> None:
    """The one place where errors become answers. `routes`: those of which several have one address.
    A 405 names the methods of all of them, where Starlette names those of the first."""

    def answer(
        request: Request, error: ShopsightError, headers: Mapping[str, str] | None = None
    ) -> JSONResponse:
        language = error.language or told_in(request.scope, request.headers.get("accept-language"))
        identity = {"x-request-id": request_id(request.headers)}
        return json_error(error, language, {**identity, **(headers or {})})

    async def known(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, ShopsightError)
        return answer(request, error)

    async def routing(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        found = _ROUTING.get(error.status_code, errors.BadRequest)()
        headers = dict(error.headers or {})
        if methods := headers.pop("Allow", headers.pop("allow", "")):  # a set's, in any order
            named = {*methods.split(", "), *_methods_at(request.scope, routes)}
            headers["allow"] = ", ".join(sorted(named))
        return answer(request, found, headers)

    async def unreadable(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        first = error.errors()[0]
        _, *place = first["loc"]  # behind `body` or `query`
        name = str(place[0]) if place else ""
        param = name if is_plain_name(name) else None
        if place[1:]:  # of what lies deeper it is not said what is wrong
            return answer(request, errors.InvalidField(param))
        fault, limit = fault_of(first)
        return answer(request, errors.InvalidField(param, fault=fault, limit=limit))

    async def gone(request: Request, error: Exception) -> JSONResponse:
        return answer(request, errors.BadRequest())  # nobody reads it

    async def unforeseen(request: Request, error: Exception) -> JSONResponse:
        fields = {"request_id": request_id(request.headers)}
        log.error("unhandled", exc_info=error, extra={"fields": fields})
        return answer(request, errors.InternalError())

    app.add_exception_handler(ShopsightError, known)
    app.add_exception_handler(HTTPException, routing)
    app.add_exception_handler(RequestValidationError, unreadable)
    app.add_exception_handler(ClientDisconnect, gone)
    app.add_exception_handler(Exception, unforeseen)
