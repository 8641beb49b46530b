"""One HTTP/1.1 connection to a replica: a question goes out, its answer comes in piece by piece.

httptools on the event loop's own transports: an eighth of the CPU that httpx takes for a question
of 270 KB. At 16 questions at once each waits for the CPU of the 15 others."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import cast

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

# Unread bytes after which the replica is made to wait: an answer has some kilobytes.
MAX_UNREAD_BYTES = 256 * 1024
# An answer of 1024 tokens with 20 log-probabilities each takes about 3 MB.
MAX_ANSWER_BYTES = 8 * 1024 * 1024
MAX_HEAD_BYTES = 64 * 1024
# What may still follow the last event of an answer: the end of its framing.
REST_S = 1.0


class BrokenError(Exception):
    """The connection, or what came over it, cannot be used. `kind` is a label of metrics."""

    def __init__(self, kind: str, why: str = "") -> None:
        super().__init__(why or kind)
        self.kind = kind


class Connection(asyncio.Protocol):
    """`heard` is called whenever bytes arrive, `free` when the next question may be sent, `lost`
    when there will be no other."""

    def __init__(
        self,
        heard: Callable[[], None],
        free: Callable[["Connection"], None],
        lost: Callable[["Connection"], None],
    ) -> None:
        self._heard, self._free, self._lost = heard, free, lost
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._parser: HttpResponseParser | None = None
        self._rest: asyncio.TimerHandle | None = None
        self.idle_since = 0.0
        self._begin()

    def _begin(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.touched = False
        """Whether anything of the answer came: before that a question may be sent again."""
        self.finished = False
        """Set by the reader when all that matters has come."""
        self._chunks: deque[bytes] = deque()
        self._unread = self._received = 0
        self._head_done = self._complete = self._left = self._paused = False
        self._reusable = False
        self._error: BrokenError | None = None

    @property
    def open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def send(
        self, method: str, target: str, headers: Mapping[str, str], body: Sequence[bytes]
    ) -> None:
        assert self._transport is not None
        self._begin()
        self._parser = HttpResponseParser(self)
        lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {headers[name]}" for name in headers)]
        head = "\r\n".join([*lines, f"content-length: {sum(map(len, body))}", "", ""])
        self._transport.writelines([head.encode(), *body])

    async def head(self) -> None:
        """Wait for `status` and `headers`; raises BrokenError."""
        while not self._head_done:
            await self._change()

    async def chunks(self) -> AsyncGenerator[bytes]:
        """The body as it arrives; raises BrokenError when it ends before its end."""
        while True:
            while self._chunks:
                chunk = self._chunks.popleft()
                self._unread -= len(chunk)
                self._resume()
                yield chunk
            if self._complete:
                return
            await self._change()

    def leave(self) -> None:
        """The reader wants no more. Unless the answer is `finished` the connection closes, so that
        the replica stops; else it is used again once the rest of the framing has come."""
        self._left = True
        if not self.finished or self._error is not None:
            self.close()
        elif self._complete:
            self._reuse()
        else:
            self._unread = 0
            self._resume()
            self._rest = asyncio.get_running_loop().call_later(REST_S, self.close)

    def fail(self, error: BrokenError) -> None:
        """End the answer with `error`, and the connection."""
        if self._error is None and not self._complete:
            self._error = error
            self._notify()
        self.close()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    async def _change(self) -> None:
        if self._error is not None:
            raise self._error
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _notify(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _resume(self) -> None:
        if self._paused and self._unread < MAX_UNREAD_BYTES and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()

    def _reuse(self) -> None:
        if self._rest is not None:
            self._rest.cancel()
            self._rest = None
        if self.open and self._reusable:
            self.idle_since = time.monotonic()
            self._free(self)
        else:
            self.close()

    # --- called by the transport ----------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by inheritance

    def data_received(self, data: bytes) -> None:
        if self._parser is None or self._complete:
            self.fail(BrokenError("garbage", "bytes that nobody asked for"))
            return
        self.touched = True
        self._heard()
        self._received += len(data)
        limit = MAX_ANSWER_BYTES if self._head_done else MAX_HEAD_BYTES
        if self._received > limit + len(data):
            self.fail(BrokenError("garbage", "endless answer"))
            return
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade) as error:
            self.fail(BrokenError("garbage", f"not HTTP: {error}"))

    def connection_lost(self, error: Exception | None) -> None:
        if self._head_done and not self._sized and error is None:
            self._complete = True  # such an answer ends with its connection
            self._notify()
        else:
            self.fail(BrokenError("connection", f"closed early: {error!r}"))
        self._lost(self)

    @property
    def _sized(self) -> bool:
        return "content-length" in self.headers or "transfer-encoding" in self.headers

    # --- called by the parser -------------------------------------------------------------------

    def on_message_begin(self) -> None:
        if self._complete:  # in one piece with the answer: it would be taken for the next one's
            raise ValueError("a second answer")

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        assert self._parser is not None
        self.status = self._parser.get_status_code()
        if self.status < 200:  # 100 Continue and its like come before the answer
            self.headers.clear()
            return
        self._head_done = True
        self._notify()

    def on_body(self, chunk: bytes) -> None:
        if self._left or not self._head_done:
            return
        self._chunks.append(chunk)
        self._unread += len(chunk)
        if self._unread >= MAX_UNREAD_BYTES and not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()
        self._notify()

    def on_message_complete(self) -> None:
        if not self._head_done:
            return
        assert self._parser is not None
        self._complete = True
        self._reusable = self._parser.should_keep_alive()  # known in this callback only
        self._notify()
        if self._left:
            self._reuse()
