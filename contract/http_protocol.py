"""uvicorn's HTTP/1.1 with limits for a request's head, errors in our shape, also those that uvicorn
would answer in plain text, without upgrades.

ClientError: 431 HeadersTooLarge > 414 AddressTooLong · 501 UnsupportedTransferEncoding
"""

import asyncio
import json
import logging
import uuid
from http import HTTPStatus

import httptools
from fastapi.responses import JSONResponse
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from contract import errors
from contract.errors import ClientError, ShopsightError
from contract.http import MAX_BODY_BYTES, json_error, request_id
from contract.process.arrivals import TimedArrivals
from contract.process.bodies import LingeringTransport, UnreadBodies
from contract.process.unchunked import send_unchunked
from contract.text.language import preferred_language, told_in

# nginx, where it stands in front, takes as much of an address or a field, and half of a head.
MAX_ADDRESS_BYTES = 8 * 1024
MAX_FIELD_BYTES = 8 * 1024
MAX_HEAD_BYTES = 64 * 1024
# Browsers send about 20, and proxies add some.
MAX_FIELDS = 200

log = logging.getLogger("shopsight")


class HeadersTooLarge(ClientError):
    status = 431
    code = "headers_too_large"
    en = "The address or the headers of the request are too long."
    zh = "请求的地址或头部过长。"


class AddressTooLong(HeadersTooLarge):
    status = 414


class UnsupportedTransferEncoding(ClientError):
    status = 501
    code = "unsupported_transfer_encoding"
    en = "Of transfer encodings only 'chunked' is supported."
    zh = "传输编码仅支持 chunked。"


class HttpProtocol(TimedArrivals, UnreadBodies):
    """`curl --http2` and the JDK's client offer HTTP/2 with each request, which may be passed over
    (RFC 9110, 7.8). The parser takes what is behind such a head for another protocol's, and the
    body would be lost."""

    _fault: ShopsightError | None = None
    """What the parser's callbacks found; else it is the parser that could not read on."""
    _refusal: ShopsightError | None = None
    """Of a request whose turn comes when those before it are answered."""
    _fields_bytes = _unread_bytes = 0
    _in_head = _began_now = False

    def data_received(self, data: bytes | memoryview) -> None:
        if self._refused or self._refusal is not None:
            return  # nothing of it is read on
        self._began_now = False
        rest = memoryview(data)
        try:
            while rest:
                try:
                    self.parser.feed_data(rest)
                    break
                except httptools.HttpParserUpgrade as offer:
                    rest = rest[offer.args[0] :]
                    self._read_head_without_offer()
            if self._in_head and not self._began_now:  # a field is told when it is complete
                self._unread_bytes += len(data)
                self._check_head(self._unread_bytes)
        except httptools.HttpParserError:
            self._refuse_in_turn(self._fault or errors.BadRequest())
        if self.cycle is not None and self.cycle.more_body:
            self.hold_back(len(data))
        self.watch(len(data))

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head = self._began_now = True
        self._fields_bytes = self._unread_bytes = 0

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        if len(self.url) > MAX_ADDRESS_BYTES:
            self._fail(AddressTooLong())

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        size = len(name) + len(value)
        if size > MAX_FIELD_BYTES or len(self.headers) > MAX_FIELDS:
            self._fail(HeadersTooLarge())
        self._fields_bytes += size
        self._check_head(self._fields_bytes)

    def on_headers_complete(self) -> None:
        """Raises what the parser raises: which host is meant must be clear (RFC 9112, 3.2)."""
        self._in_head = False
        hosts = sum(name == b"host" for name, _ in self.headers)
        if hosts > 1 or (hosts == 0 and self.parser.get_http_version() == "1.1"):
            self._fail(errors.BadRequest())
        codings = [value for name, value in self.headers if name == b"transfer-encoding"]
        if codings and b",".join(codings).strip().lower() != b"chunked":
            self._fail(UnsupportedTransferEncoding())
        before = self.cycle
        super().on_headers_complete()
        if self.cycle is not before and self.parser.get_http_version() == "1.0":
            send_unchunked(self.cycle)
        if self.expect_100_continue and self._declared() > MAX_BODY_BYTES:
            self.cycle.keep_alive = False  # refused unread, and what follows may be its body
        if self.cycle is not before and not self.cycle.keep_alive:
            self.cycle.transport = LingeringTransport(self)  # type: ignore[assignment]

    def _declared(self) -> int:
        return next((int(value) for name, value in self.headers if name == b"content-length"), 0)

    def _check_head(self, size: int) -> None:
        if size > MAX_HEAD_BYTES:
            self._fail(HeadersTooLarge())

    def _fail(self, error: ShopsightError) -> None:
        self._fault = error
        raise httptools.HttpParserError

    def _should_upgrade(self) -> bool:
        """Asked where the parser has seen an offer: nothing begins until the head is read anew."""
        return True

    def _read_head_without_offer(self) -> None:
        method, version = self.scope["method"], self.parser.get_http_version()
        if method == "CONNECT":  # would turn the connection into another in any case
            raise httptools.HttpParserError
        lines = [f"{method} ".encode() + self.url + f" HTTP/{version}".encode()]
        for name, value in self.headers:
            if name == b"connection":
                options = [option.strip().lower() for option in value.split(b",")]
                value = b", ".join(option for option in options if option != b"upgrade")
            if name != b"upgrade":
                lines.append(name + b": " + value)
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn's own
        self.parser.feed_data(b"\r\n".join([*lines, b"", b""]))

    def _refuse_in_turn(self, error: ShopsightError) -> None:
        """Requests that were complete before keep their answers."""
        current = self.cycle
        if current is not None and current.more_body and not current.response_complete:
            if self.pipeline:  # this one has not begun
                self.pipeline.popleft()
                current.response_complete = True
            elif current.response_started:
                self.transport.close()
                return
            else:
                self._refuse(error)
                return
        elif current is None or current.response_complete:
            self._refuse(error)
            return
        self._refusal = error

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if not self.cycle.response_complete:
            return
        # Of who was answered unread it would stay for as long as the connection.
        self.cycle.body = b""  # type: ignore[assignment]
        ended = self._refused or self.transport.is_closing()
        if self._refusal is not None and not ended:
            self._refuse(self._refusal)

    def _refuse(self, error: ShopsightError) -> None:
        """A language is known where a header was still read."""
        self._unset_keepalive_if_required()
        seen = dict(self.headers or ()).get(b"accept-language", b"").decode("latin-1")
        content = json.dumps(error.body(preferred_language(seen)), ensure_ascii=False).encode()
        head = {
            "content-type": "application/json",
            "content-length": str(len(content)),
            "x-request-id": uuid.uuid4().hex,
            "x-content-type-options": "nosniff",
            "connection": "close",
        }
        lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
        status = f"HTTP/1.1 {error.status} {HTTPStatus(error.status).phrase}\r\n"
        self.transport.write(f"{status}{lines}\r\n".encode() + content)
        self.linger()


async def answer_in_our_form(
    app: ASGIApp, scope: Scope, receive: Receive, send: Send, given_up: ShopsightError
) -> None:
    """The app, whose failures uvicorn would answer with a 500 in plain text. Every answer carries
    `x-request-id`, for who reports that something was wrong with it. `given_up`: of a
    server that is told to end, what those are told whose answers are not there in time."""
    started = False
    identity = _identified(scope)

    async def send_noted(message: Message) -> None:
        nonlocal started
        started = True
        if message["type"] == "http.response.start":
            headers = list(message.get("headers", ()))
            if all(name != b"x-request-id" for name, _ in headers):
                headers.append((b"x-request-id", identity.encode()))
            message = {**message, "headers": headers}
        await send(message)

    try:
        await app(scope, receive, send_noted)
    except asyncio.CancelledError:
        if not started:
            await error_response(given_up, scope)(scope, receive, send)
        raise
    except Exception:
        if started:  # the connection is closed, so that nobody takes the answer for whole
            raise
        log.exception("unhandled", extra={"fields": {"request_id": identity}})
        await error_response(errors.InternalError(), scope)(scope, receive, send)


def _identified(scope: Scope) -> str:
    """The request's id, which from now on is among its headers: answer, log and traces have the
    same one."""
    headers = Headers(scope=scope)
    identity = request_id(headers)
    if headers.get("x-request-id") != identity:
        others = [each for each in scope["headers"] if each[0] != b"x-request-id"]
        scope["headers"] = [*others, (b"x-request-id", identity.encode())]
    return identity


def error_response(error: ShopsightError, scope: Scope) -> JSONResponse:
    headers = Headers(scope=scope)
    language = told_in(scope, headers.get("accept-language"))
    return json_error(error, language, {"x-request-id": request_id(headers)})
