"""One HTTP/1.1 connection to a replica: sends a request and yields the response body as it arrives.

It drives httptools on the event loop's own transports. For a request of 270 KB that takes an eighth
of httpx's CPU time. With 16 questions at once, each one waits for the CPU time of the other 15."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import cast

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

# With so many unread bytes the transport stops reading. A whole answer has some kilobytes.
MAX_UNREAD_BYTES = 256 * 1024
# An answer of 1024 tokens with 20 log-probabilities each takes about 3 MB.
MAX_ANSWER_BYTES = 8 * 1024 * 1024
MAX_HEAD_BYTES = 64 * 1024
# How long a released connection waits for the end of the response before it is closed.
BODY_END_TIMEOUT_S = 1.0


class UpstreamError(Exception):
    """The connection failed, or the response cannot be used. `kind` is a label of metrics."""

    def __init__(self, kind: str, detail: str = "") -> None:
        super().__init__(detail or kind)
        self.kind = kind


class Connection(asyncio.Protocol):
    """Serves one request at a time. Its owner gets three callbacks: `on_data` whenever bytes of a
    body arrive, `on_idle` when the next request may be sent, `on_closed` when the connection ended.
    Heads do not count: vLLM and SGLang send them before their engine has seen the question."""

    def __init__(
        self,
        on_data: Callable[[], None],
        on_idle: Callable[["Connection"], None],
        on_closed: Callable[["Connection"], None],
    ) -> None:
        self._on_data, self._on_idle, self._on_closed = on_data, on_idle, on_closed
        self._transport: asyncio.Transport | None = None
        self._progress: asyncio.Future[None] | None = None
        self._parser: HttpResponseParser | None = None
        self._close_timer: asyncio.TimerHandle | None = None
        self.idle_since = 0.0
        self._reset()

    def _reset(self) -> None:
        """Forget the last response."""
        self.status = 0
        self.headers: dict[str, str] = {}
        self.response_started = False
        """Whether any byte of the response came: the request was seen."""
        self.finished = False
        """The reader sets it after the last piece that it needs."""
        self._chunks: deque[bytes] = deque()
        self._unread_bytes = self._received_bytes = 0
        self._head_complete = self._body_complete = False
        self._released = self._paused = self._keep_alive = False
        self._error: UpstreamError | None = None

    @property
    def open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def send(
        self, method: str, target: str, headers: Mapping[str, str], body: Sequence[bytes]
    ) -> None:
        assert self._transport is not None
        self._reset()
        self._parser = HttpResponseParser(self)
        lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {headers[name]}" for name in headers)]
        head = "\r\n".join([*lines, f"content-length: {sum(map(len, body))}", "", ""])
        self._transport.writelines([head.encode(), *body])

    async def read_head(self) -> None:
        """Wait until `status` and `headers` are there. Raises UpstreamError."""
        while not self._head_complete:
            await self._wait_for_progress()

    async def chunks(self) -> AsyncGenerator[bytes]:
        """The body as it arrives. Raises UpstreamError when it is cut short."""
        while True:
            while self._chunks:
                chunk = self._chunks.popleft()
                self._unread_bytes -= len(chunk)
                self._resume_reading()
                yield chunk
            if self._body_complete:
                return
            await self._wait_for_progress()

    def release(self) -> None:
        """The reader wants no more of the response.

        If the response is not `finished`, the connection closes, so that the replica stops
        computing. If it is, the connection becomes idle as soon as the body's end has arrived."""
        self._released = True
        if not self.finished or self._error is not None:
            self.close()
        elif self._body_complete:
            self._become_idle()
        else:
            self._unread_bytes = 0
            self._resume_reading()
            loop = asyncio.get_running_loop()
            self._close_timer = loop.call_later(BODY_END_TIMEOUT_S, self.close)

    def fail(self, error: UpstreamError) -> None:
        """Close the connection; the reader of an incomplete response gets `error`."""
        if self._error is None and not self._body_complete:
            self._error = error
            self._wake_reader()
        self.close()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    async def _wait_for_progress(self) -> None:
        if self._error is not None:
            raise self._error
        self._progress = asyncio.get_running_loop().create_future()
        try:
            await self._progress
        finally:
            self._progress = None

    def _wake_reader(self) -> None:
        if self._progress is not None and not self._progress.done():
            self._progress.set_result(None)

    def _resume_reading(self) -> None:
        few_unread = self._unread_bytes < MAX_UNREAD_BYTES
        if self._paused and few_unread and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()

    def _become_idle(self) -> None:
        if self._close_timer is not None:
            self._close_timer.cancel()
            self._close_timer = None
        if self.open and self._keep_alive:
            self.idle_since = time.monotonic()
            self._on_idle(self)
        else:
            self.close()

    # --- called by the transport ----------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's class does not inherit it

    def data_received(self, data: bytes) -> None:
        if self._parser is None or self._body_complete:
            self.fail(UpstreamError("garbage", "bytes that nobody asked for"))
            return
        self.response_started = True
        self._received_bytes += len(data)
        limit = MAX_ANSWER_BYTES if self._head_complete else MAX_HEAD_BYTES
        if self._received_bytes > limit + len(data):
            self.fail(UpstreamError("garbage", "endless answer"))
            return
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade) as error:
            self.fail(UpstreamError("garbage", f"not HTTP: {error}"))

    def connection_lost(self, error: Exception | None) -> None:
        if self._head_complete and not self._has_length and error is None:
            self._body_complete = True  # a body without a length ends with its connection
            self._wake_reader()
        else:
            self.fail(UpstreamError("connection", f"closed early: {error!r}"))
        self._on_closed(self)

    @property
    def _has_length(self) -> bool:
        return "content-length" in self.headers or "transfer-encoding" in self.headers

    # --- called by the parser -------------------------------------------------------------------

    def on_message_begin(self) -> None:
        # A second response in the same packet would be taken for that of the next request.
        if self._body_complete:
            raise ValueError("a second answer")

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        assert self._parser is not None
        self.status = self._parser.get_status_code()
        if self.status < 200:  # informational, such as 100 Continue: the response follows
            self.headers.clear()
            return
        self._head_complete = True
        self._wake_reader()

    def on_body(self, chunk: bytes) -> None:
        self._on_data()
        if self._released or not self._head_complete:
            return
        self._chunks.append(chunk)
        self._unread_bytes += len(chunk)
        too_many = self._unread_bytes >= MAX_UNREAD_BYTES
        if too_many and not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()
        self._wake_reader()

    def on_message_complete(self) -> None:
        if not self._head_complete:
            return
        assert self._parser is not None
        self._on_data()  # also where the body is empty
        self._body_complete = True
        self._keep_alive = self._parser.should_keep_alive()  # only valid inside this callback
        self._wake_reader()
        if self._released:
            self._become_idle()
