"""The connection to Redis. Calls made at the same time share a round trip, and each has a time
budget. An open circuit breaker fails calls at once during an outage."""

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

# After this many failures in a row the breaker opens for BREAK_S. Then one call tries Redis again.
BREAK_AFTER = 3
BREAK_S = 1.0
# Extra time for replies that have arrived while this process was too busy to read them.
GRACE_S = 0.005

Call = tuple[tuple[Any, ...], asyncio.Future[Any]]


class RedisUnavailableError(Exception):
    """No reply within the budget, or Redis refused (out of memory, read-only, unknown script)."""

    def __init__(self, script_unknown: bool = False) -> None:
        super().__init__()
        self.script_unknown = script_unknown


class RedisClient:
    """Commands from one iteration of the event loop share one round trip. No request owns the
    connection: a shopper who leaves cancels nothing that other requests wait for."""

    def __init__(self, url: str, budget_ms: int) -> None:
        # A call may have to wait for the current round trip, then for its own.
        self._round_trip_timeout_s = budget_ms / 2000
        # One timer per round trip instead of one per read: socket_timeout stays unset.
        self._redis: Redis = Redis.from_url(
            url, socket_connect_timeout=self._round_trip_timeout_s, retry=Retry(NoBackoff(), 0)
        )
        self._pending: list[Call] = []
        self._sender: asyncio.Task[None] | None = None
        self._failures = 0
        self._open_until = 0.0

    async def call(self, *command: Any) -> Any:
        """Send one command and return its reply. Raises RedisUnavailableError."""
        if self._failures >= BREAK_AFTER:
            now = time.monotonic()
            if now < self._open_until:
                raise RedisUnavailableError
            self._open_until = now + BREAK_S  # this one call tries whether Redis is back
        reply: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._pending.append((command, reply))
        if self._sender is None:
            self._sender = asyncio.create_task(self._send())
        return await reply

    async def scan(self, pattern: str) -> list[bytes]:
        """All names that match. Takes about a second for a million names, without blocking Redis.
        Raises RedisUnavailableError."""
        try:
            async with asyncio.timeout(60):
                return [name async for name in self._redis.scan_iter(pattern, count=2000)]
        except (RedisError, OSError, TimeoutError):
            raise RedisUnavailableError from None

    async def close(self) -> None:
        if self._sender is not None:
            await self._sender
        await self._redis.aclose()

    async def _send(self) -> None:
        try:
            while self._pending:
                batch, self._pending = self._pending, []
                await self._round_trip(batch)
        finally:
            self._sender = None

    async def _round_trip(self, batch: list[Call]) -> None:
        pipeline = self._redis.pipeline(transaction=False)
        for command, _ in batch:
            pipeline.execute_command(*command)
        try:
            replies = await self._with_timeout(pipeline.execute(raise_on_error=False))
            self._failures = 0
        except Exception as error:  # of any kind: every waiting call needs a result
            self._count_failure(error)
            replies = [error] * len(batch)
        for (_, reply), value in zip(batch, replies, strict=True):
            _resolve(reply, value)

    async def _with_timeout(self, round_trip: Awaitable[list[Any]]) -> list[Any]:
        task = asyncio.ensure_future(round_trip)
        await asyncio.wait({task}, timeout=self._round_trip_timeout_s)
        if not task.done():
            # A busy event loop runs its timers before it reads replies that have arrived.
            await asyncio.wait({task}, timeout=GRACE_S)
        if not task.done():
            task.cancel()
            await asyncio.wait({task})
            # The rest of a reply may still arrive: the next call must not read it as its own.
            with contextlib.suppress(RedisError, OSError):
                await self._redis.connection_pool.disconnect()
            raise TimeoutError
        return task.result()

    def _count_failure(self, error: Exception) -> None:
        self._failures += 1
        if self._failures >= BREAK_AFTER:
            if self._failures == BREAK_AFTER:
                log.warning("redis unavailable: %s", type(error).__name__)
            self._open_until = time.monotonic() + BREAK_S


def _resolve(reply: asyncio.Future[Any], value: Any) -> None:
    if reply.done():  # cancelled: its shopper has left
        return
    if not isinstance(value, Exception):
        reply.set_result(value)
        return
    script_unknown = isinstance(value, NoScriptError)
    reply.set_exception(RedisUnavailableError(script_unknown))
    if isinstance(value, ResponseError) and not script_unknown:
        log.warning("redis refused", extra={"fields": {"why": str(value)[:80]}})


class RedisStore:
    """Stores values by name. For `get` and `put` an outage is a miss, not an error."""

    def __init__(self, client: RedisClient) -> None:
        self._client = client

    async def get(self, name: str) -> bytes | None:
        try:
            value = await self._client.call("GET", name)
        except RedisUnavailableError:
            return None
        return value if isinstance(value, bytes) else None

    async def put(self, name: str, value: bytes, ttl_s: int) -> None:
        try:
            await self._client.call("SET", name, value, "EX", ttl_s)
        except RedisUnavailableError:
            return

    async def delete(self, names: Sequence[str]) -> int:
        """Raises RedisUnavailableError."""
        return int(await self._client.call("UNLINK", *names)) if names else 0

    async def delete_matching(self, pattern: str) -> int:
        """Raises RedisUnavailableError: ops have to know that a purge was not done."""
        names = await self._client.scan(pattern)
        for start in range(0, len(names), 500):
            await self._client.call("UNLINK", *names[start : start + 500])
        return len(names)

    async def close(self) -> None:
        await self._client.close()
