"""The connection to Redis. Calls made at the same time share a round trip, and each has a time
budget. An open circuit breaker fails calls at once during an outage."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any

from redis.exceptions import NoScriptError, RedisError, ResponseError

from gateway.cache.servers import LOST, RedisServers

log = logging.getLogger(__name__)

# After this many failures in a row the breaker opens for BREAK_S. Then one call tries Redis again.
BREAK_AFTER = 3
BREAK_S = 1.0
# Extra time for replies that have arrived while this process was too busy to read them.
GRACE_S = 0.005
# Names in one round trip that deletes.
DELETED_AT_A_TIME = 500
# Deleting some names takes milliseconds, and replicas have them deleted some milliseconds later.
DELETE_S, REPLICAS_S = 5, 1

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
        self._servers = RedisServers(url)
        self._redis = self._servers.client
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
        async with self._patiently(60):
            return [name async for name in self._redis.scan_iter(pattern, count=2000)]

    async def delete(self, names: Sequence[str | bytes]) -> int:
        """Returns how many there were. Raises RedisUnavailableError, also where a replica has not
        deleted them in time: they could come back with it."""
        async with self._patiently(DELETE_S):
            return await self._unlink(names)

    async def delete_matching(self, pattern: str) -> int:
        """Delete what matches, name by name as they are found: a million names would not fit into
        a gateway's memory. Returns how many. Raises RedisUnavailableError."""
        deleted = 0
        names: list[bytes] = []
        async with self._patiently(60):
            async for name in self._redis.scan_iter(pattern, count=2000):
                names.append(name)
                if len(names) == DELETED_AT_A_TIME:
                    deleted += await self._unlink(names)
                    names.clear()
            return deleted + await self._unlink(names)

    async def close(self) -> None:
        if self._sender is not None:
            await self._sender
        await self._servers.close()

    @contextlib.asynccontextmanager
    async def _patiently(self, timeout_s: float) -> AsyncIterator[None]:
        """For what is not part of a request. Raises RedisUnavailableError."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._servers.found(timeout_s)
                yield
        except (RedisError, OSError, TimeoutError):
            self._servers.lose()
            raise RedisUnavailableError from None

    async def _unlink(self, names: Sequence[str | bytes]) -> int:
        """One name a command, because a cluster refuses those of several slots in one."""
        deleted = 0
        for target, own in self._servers.by_master(names):
            # None in most setups, and those of a cluster have some each.
            replicas = (await self._redis.info("replication", **target))["connected_slaves"]
            pipeline = self._redis.pipeline(transaction=False)
            for name in own:
                pipeline.execute_command("UNLINK", name)
            if replicas:
                # For all that anybody has written so far: also for what an earlier try has deleted.
                pipeline.execute_command("WAIT", replicas, REPLICAS_S * 1000, **target)
            counts = await pipeline.execute()
            if replicas and counts.pop() < replicas:
                raise RedisUnavailableError
            deleted += sum(counts)
        return deleted

    async def _send(self) -> None:
        try:
            while self._pending:
                batch, self._pending = self._pending, []
                await self._round_trip(batch)
        finally:
            self._sender = None

    async def _round_trip(self, batch: list[Call]) -> None:
        try:
            await self._servers.linked(self._round_trip_timeout_s)
            replies = await self._with_timeout([command for command, _ in batch])
            lost = [reply for reply in replies if isinstance(reply, LOST)]
            if lost:  # of a cluster, whose other nodes may have replied
                self._servers.lose()
            if len(lost) == len(replies):
                self._count_failure(lost[0])
            else:
                self._failures = 0
        except Exception as error:  # of any kind: every waiting call needs a result
            self._servers.lose()
            self._count_failure(error)
            replies = [error] * len(batch)
        for (_, reply), value in zip(batch, replies, strict=True):
            _resolve(reply, value)

    async def _with_timeout(self, commands: list[tuple[Any, ...]]) -> list[Any]:
        loop = asyncio.get_running_loop()

        def late() -> None:
            # A busy event loop runs its timers before it reads replies that have arrived.
            bound.reschedule(loop.time() + GRACE_S)

        try:
            async with asyncio.timeout(None) as bound:
                timer = loop.call_later(self._round_trip_timeout_s, late)
                try:
                    return await self._servers.execute(commands)
                finally:
                    timer.cancel()
        except TimeoutError:
            # The rest of a reply may still arrive: the next call must not read it as its own.
            with contextlib.suppress(RedisError, OSError):
                await self._servers.disconnect()
            raise

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
        return await self._client.delete(names) if names else 0

    async def delete_matching(self, pattern: str) -> int:
        """Raises RedisUnavailableError: ops have to know that a purge was not done."""
        return await self._client.delete_matching(pattern)

    async def close(self) -> None:
        await self._client.close()
