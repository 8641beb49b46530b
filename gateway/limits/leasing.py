"""Leases shares in the background, in batches: many requests cost one command of Redis, and none of
them waits for it unless its share is spent."""

import asyncio
import contextlib
import secrets
import time

from gateway.cache.redis import RedisUnavailableError
from gateway.limits.ledger import LocalLedger, RedisLedger
from gateway.limits.share import Ask, Grant, Share

# How often this gateway tells the others that it is there.
HEARTBEAT_S = 10


class Leasing:
    """`redis` is None for a gateway on its own."""

    def __init__(self, redis: RedisLedger | None) -> None:
        self._redis = redis
        self._local = LocalLedger()
        self._wanted: list[Share] = []
        self._task: asyncio.Task[None] | None = None
        self._heart: asyncio.Task[None] | None = None
        self._name = secrets.token_hex(8)

    @property
    def gateways(self) -> int:
        """How many share the limits, as far as is known."""
        return self._local.gateways

    def start(self) -> None:
        if self._redis is not None:
            self._heart = asyncio.create_task(self._beat(self._redis))

    async def close(self) -> None:
        for task in (self._heart, self._task):
            if task is not None:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
        if self._redis is not None:
            with contextlib.suppress(RedisUnavailableError):
                await self._redis.leave(self._name)

    def want(self, share: Share) -> None:
        """Lease another batch, unless that is under way or of no use."""
        if share.asked or share.rate <= 0 or share.refused_until > time.monotonic():
            return
        share.asked = True
        self._wanted.append(share)
        if self._task is None:
            self._task = asyncio.create_task(self._lease_all())

    async def settled(self) -> None:
        """Once what is wanted has been asked for. A client that leaves does not end the asking."""
        if self._task is not None:
            await asyncio.shield(self._task)

    async def _lease_all(self) -> None:
        try:
            while self._wanted:
                shares, self._wanted = self._wanted, []
                asks = [share.ask() for share in shares]
                grants = await asyncio.gather(*map(self._lease, asks))
                now = time.monotonic()
                for share, grant in zip(shares, grants, strict=True):
                    share.receive(grant, now)
        finally:
            self._task = None

    async def _lease(self, ask: Ask) -> Grant:
        if self._redis is not None:
            with contextlib.suppress(RedisUnavailableError):
                return await self._redis.lease(ask)
        return self._local.lease(ask)

    async def _beat(self, redis: RedisLedger) -> None:
        while True:
            # In an outage as many share as did before.
            with contextlib.suppress(RedisUnavailableError):
                self._local.gateways = await redis.count_gateways(self._name)
            await asyncio.sleep(HEARTBEAT_S)
