"""`Idempotency-Key`: a POST that a client sends again is not done again. The same caller with the
same key and body gets the answer of before. Requests without the header do not come here, and where
nothing is posted, it means nothing."""

import asyncio
import re
from typing import Any

import orjson
from starlette.datastructures import State
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from contract.errors import InvalidField, ShopsightError
from contract.http import bounded_stream
from contract.sse import DONE
from gateway.api.admission import count_body, identify
from gateway.api.batch.batches import CANCEL
from gateway.api.envelope import error_response, new_interaction
from gateway.api.posts.fingerprint import fingerprint_of
from gateway.cache.retries import MAX_BYTES, Earlier
from gateway.errors import IdempotencyConflict, RequestTimeout, RequestUnderWay
from gateway.gateway import Gateway
from gateway.identity.callers import Caller
from gateway.identity.scopes import ASK, CARD, MATCH
from gateway.limits.limiter import OfDay

HEADER = b"idempotency-key"
# Printable ASCII, as the draft's structured fields are; a UUID has 36 characters.
_KEY = re.compile(r"[ -~]{1,255}")
# As the endpoints record them.
KINDS = {
    "/v1/chat/completions": ASK,
    "/v1/ask": ASK,
    "/v1/images": "upload",
    "/v1/feedback": "feedback",
    "/v1/products/card": CARD,
    "/v1/match": MATCH,
    "/v1/moderations": "moderation",
    "/v1/batches": "batch",
    CANCEL: "batch",
}
_CANCEL = re.compile(r"/v1/batches/[^/]+/cancel")


def has_key(scope: Scope) -> bool:
    return HEADER in dict(scope["headers"])  # half the time of `any`


class IdempotentPosts:
    """Stands before `app` where a request has the header. `state`: where the gateway is."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def __call__(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        route = CANCEL if _CANCEL.fullmatch(scope["path"]) else scope["path"]
        if route not in KINDS:
            await app(scope, receive, send)
            return
        request = Request(scope, receive)
        gateway: Gateway = self._state.gateway
        interaction = new_interaction(request, KINDS[route], route)
        try:
            async with gateway.recorder.refusals(interaction):
                caller = interaction.caller = identify(request, gateway)
                key = request.headers[HEADER.decode()]
                if not _KEY.fullmatch(key):
                    raise InvalidField("Idempotency-Key")
                if (owner := owner_of(caller)) is not None:
                    try:
                        body = await _read(request, gateway.answering.deadline_ms)
                    except BaseException:  # nobody else will see what came of it
                        count_body(request, gateway, caller)
                        raise
                    media, url = request.headers.get("content-type", ""), request.url
                    fingerprint = fingerprint_of(url.path, url.query, media, body)
                    earlier = await gateway.retries.begin(owner, key, fingerprint)
                    await _check(earlier, gateway, caller, len(body))
        except ClientDisconnect:
            return
        except ShopsightError as error:
            response = error_response(error, request, gateway, interaction)
            await response(scope, receive, send)
            return
        if owner is None:
            await app(scope, receive, send)
            return
        if earlier.state == "answered":
            await _send_again(earlier.answer, send)
            return
        if earlier.state == "unknown":
            await app(scope, _received(body, receive), send)
            return
        capture = _Capture(send)
        try:
            await app(scope, _received(body, receive), capture.send_all_but_last)
            answer = capture.answer()
            if answer is not None:
                await gateway.retries.keep(owner, key, earlier.begun, answer)
                capture.kept = True
            await capture.send_last()
        finally:
            if not capture.kept:
                await gateway.retries.drop(owner, key, earlier.begun)


def owner_of(caller: Caller) -> str | None:
    """Whose keys they are. Nobody's before there is a session: nothing tells one newcomer from
    another behind the same address, and the answer holds the session of the first."""
    if caller.key is not None:
        return f"tenant {caller.tenant}"
    return None if caller.is_new else f"session {caller.session}"


async def _check(earlier: Earlier, gateway: Gateway, caller: Caller, size: int) -> None:
    """What is sent again counts as one more, and asks no model. What is done is counted where it is
    done. Raises IdempotencyConflict, RequestUnderWay, RateLimited."""
    if earlier.state in ("begun", "unknown"):
        return
    gateway.limits.spend_bytes(caller, size)
    if (waiting := gateway.limits.admit(caller, OfDay.NOTHING)) is not None:
        await waiting
    if earlier.state == "another":
        raise IdempotencyConflict
    if earlier.state == "under way":
        raise RequestUnderWay


async def _read(request: Request, deadline_ms: int) -> bytes:
    try:
        async with asyncio.timeout(deadline_ms / 1000):
            return b"".join([chunk async for chunk in bounded_stream(request)])
    except TimeoutError:
        raise RequestTimeout from None


def _received(body: bytes, receive: Receive) -> Receive:
    """The body that was read, then what comes after it."""
    first: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def received() -> Message:
        return first.pop() if first else await receive()

    return received


async def _send_again(answer: bytes, send: Send) -> None:
    head, _, body = answer.partition(b"\n")
    start: dict[str, Any] = orjson.loads(head)
    headers = [
        (name.encode("latin-1"), value.encode("latin-1")) for name, value in start["headers"]
    ]
    headers.append((b"idempotency-replayed", b"true"))
    await send({"type": "http.response.start", "status": start["status"], "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


class _Capture:
    """Passes an answer on as it comes, and holds its end back until the answer is kept."""

    def __init__(self, send: Send) -> None:
        self.kept = False
        self._send = send
        self._start: Message = {}
        self._last: Message | None = None
        self._pieces: list[bytes] = []
        self._size = 0

    async def send_all_but_last(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
        else:
            self._size += len(message.get("body", b""))
            if self._size <= MAX_BYTES:
                self._pieces.append(message.get("body", b""))
            if not message.get("more_body", False):
                self._last = message
                return
        await self._send(message)

    async def send_last(self) -> None:
        if self._last is not None:
            await self._send(self._last)

    def answer(self) -> bytes | None:
        """What is to be kept: whole, and no failure. A refused or failed request may be sent again
        and is done then."""
        if self._last is None or self._size > MAX_BYTES or self._start.get("status", 500) >= 300:
            return None
        headers = [(n.decode("latin-1"), v.decode("latin-1")) for n, v in self._start["headers"]]
        body = b"".join(self._pieces)
        streamed = dict(headers).get("content-type", "").startswith("text/event-stream")
        if streamed and not body.endswith(DONE):
            return None
        head = orjson.dumps({"status": self._start["status"], "headers": headers})
        return head + b"\n" + body
