"""The way to Redis: calls of the same moment travel together, each within a budget; behind a
breaker an outage costs nothing until Redis is back."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Sequence
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError, ResponseError

log = logging.getLogger(__name__)

# After this many failures in a row calls are left out for BREAK_S, then one is tried again.
BREAK_AFTER = 3
BREAK_S = 1.0
# For replies that have arrived while this process was too busy to read them.
GRACE_S = 0.005

Call = tuple[tuple[Any, ...], asyncio.Future[Any]]


class RedisUnavailableError(Exception):
    """No answer within the budget, or a refusal (out of memory, read-only, an unknown script)."""

    def __init__(self, script_unknown: bool = False) -> None:
        super().__init__()
        self.script_unknown = script_unknown


class RedisLink:
    """Commands given in one turn of the event loop are one round trip, on a connection that no
    request owns: a client that leaves cancels nothing that others wait for."""

    def __init__(self, url: str, budget_ms: int) -> None:
        # A call may wait for the round trip under way, then for its own.
        self._trip_s = budget_ms / 2000
        # One timer a round trip instead of one a read: socket_timeout stays unset.
        self._redis: Redis = Redis.from_url(
            url, socket_connect_timeout=self._trip_s, retry=Retry(NoBackoff(), 0)
        )
        self._waiting: list[Call] = []
        self._sending: asyncio.Task[None] | None = None
        self._failures = 0
        self._open_until = 0.0

    async def call(self, *command: Any) -> Any:
        """The reply to one command. Raises RedisUnavailableError."""
        if self._failures >= BREAK_AFTER:
            now = time.monotonic()
            if now < self._open_until:
                raise RedisUnavailableError
            self._open_until = now + BREAK_S  # this one call finds out whether Redis is back
        reply: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append((command, reply))
        if self._sending is None:
            self._sending = asyncio.create_task(self._send())
        return await reply

    async def scan(self, pattern: str) -> list[bytes]:
        """Every name that fits; takes about a second for a million names, without blocking."""
        try:
            async with asyncio.timeout(60):
                return [name async for name in self._redis.scan_iter(pattern, count=2000)]
        except (RedisError, OSError, TimeoutError):
            raise RedisUnavailableError from None

    async def close(self) -> None:
        if self._sending is not None:
            await self._sending
        await self._redis.aclose()

    async def _send(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting, []
                await self._round_trip(batch)
        finally:
            self._sending = None

    async def _round_trip(self, batch: list[Call]) -> None:
        pipeline = self._redis.pipeline(transaction=False)
        for command, _ in batch:
            pipeline.execute_command(*command)
        try:
            replies = await self._in_time(pipeline.execute(raise_on_error=False))
            self._failures = 0
        except Exception as error:  # of any kind: whoever waits must hear of it
            self._fail(error)
            replies = [error] * len(batch)
        for (_, reply), value in zip(batch, replies, strict=True):
            _settle(reply, value)

    async def _in_time(self, trip: Awaitable[list[Any]]) -> list[Any]:
        task = asyncio.ensure_future(trip)
        await asyncio.wait({task}, timeout=self._trip_s)
        if not task.done():
            # A busy loop fires its timers before it reads what has long arrived.
            await asyncio.wait({task}, timeout=GRACE_S)
        if not task.done():
            task.cancel()
            await asyncio.wait({task})
            # Half a reply may be on its way: it must not be taken for the next one's.
            with contextlib.suppress(RedisError, OSError):
                await self._redis.connection_pool.disconnect()
            raise TimeoutError
        return task.result()

    def _fail(self, error: Exception) -> None:
        self._failures += 1
        if self._failures >= BREAK_AFTER:
            if self._failures == BREAK_AFTER:
                log.warning("redis unavailable: %s", type(error).__name__)
            self._open_until = time.monotonic() + BREAK_S


def _settle(reply: asyncio.Future[Any], value: Any) -> None:
    if reply.done():  # its client has left
        return
    if not isinstance(value, Exception):
        reply.set_result(value)
        return
    unknown = isinstance(value, NoScriptError)
    reply.set_exception(RedisUnavailableError(unknown))
    if isinstance(value, ResponseError) and not unknown:
        log.warning("redis refused", extra={"fields": {"why": str(value)[:80]}})


class RedisStore:
    """Values by name; an outage is a miss, never an error."""

    def __init__(self, link: RedisLink) -> None:
        self._link = link

    async def get(self, name: str) -> bytes | None:
        try:
            value = await self._link.call("GET", name)
        except RedisUnavailableError:
            return None
        return value if isinstance(value, bytes) else None

    async def put(self, name: str, value: bytes, ttl_s: int) -> None:
        try:
            await self._link.call("SET", name, value, "EX", ttl_s)
        except RedisUnavailableError:
            return

    async def delete(self, names: Sequence[str]) -> int:
        """Raises RedisUnavailableError."""
        return int(await self._link.call("UNLINK", *names)) if names else 0

    async def delete_matching(self, pattern: str) -> int:
        """Raises RedisUnavailableError: who purges must know that it was not done."""
        names = await self._link.scan(pattern)
        for start in range(0, len(names), 500):
            await self._link.call("UNLINK", *names[start : start + 500])
        return len(names)

    async def close(self) -> None:
        await self._link.close()
