"""Answers in Redis, shared by all gateways. Each call has a budget; behind a breaker an outage
costs nothing until Redis is back."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from redis.asyncio import Redis
from redis.exceptions import RedisError

log = logging.getLogger(__name__)

# After this many failures in a row calls are left out for BREAK_S, then one is tried again.
BREAK_AFTER = 3
BREAK_S = 1.0

T = TypeVar("T")


class RedisStore:
    def __init__(self, url: str, budget_ms: int) -> None:
        self._budget_s = budget_ms / 1000
        self._redis: Redis = Redis.from_url(
            url, socket_timeout=self._budget_s, socket_connect_timeout=self._budget_s
        )
        self._failures = 0
        self._closed_until = 0.0

    async def get(self, name: str) -> bytes | None:
        value = await self._within_budget(lambda: self._redis.get(name))
        return value if isinstance(value, bytes) else None

    async def put(self, name: str, value: bytes, ttl_s: int) -> None:
        await self._within_budget(lambda: self._redis.set(name, value, ex=ttl_s))

    async def close(self) -> None:
        await self._redis.aclose()

    async def _within_budget(self, call: Callable[[], Awaitable[T]]) -> T | None:
        if time.monotonic() < self._closed_until:
            return None
        try:
            async with asyncio.timeout(self._budget_s):
                result = await call()
        except (RedisError, OSError, TimeoutError) as error:
            self._failures += 1
            if self._failures >= BREAK_AFTER:
                if self._failures == BREAK_AFTER:
                    log.warning("redis unavailable: %s", type(error).__name__)
                self._closed_until = time.monotonic() + BREAK_S
            return None
        self._failures = 0
        return result
