"""Where shares are leased from: one bucket of tokens a limit, in this process or in Redis."""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable

from gateway.cache.redis import RedisClient, RedisUnavailableError
from gateway.limits.share import Ask, Grant

# About 250 bytes each.
MAX_BUCKETS = 20_000
PREFIX = "shopsight:limit"
# Who shares the limits of shoppers and keys, and who those of batches: a worker spends no others.
GATEWAYS = "shopsight:gateways"
BATCH_WORKERS = "shopsight:batch-workers"
# A gateway that was not heard of for so long does not count.
GONE_S = 30
# KEYS: bucket. ARGV: rate, burst, want, debt. Returns what is granted, and the wait in seconds.
LEASE = """
local rate, burst, debt = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[4])
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local stored = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens = tonumber(stored[1]) or burst
tokens = math.min(burst, tokens + math.max(0, now - (tonumber(stored[2]) or now)) * rate)
tokens = math.max(tokens - debt, -burst)
local granted = 0
if tokens >= 1 then granted = math.floor(math.min(tonumber(ARGV[3]), tokens)) end
tokens = tokens - granted
redis.call('HSET', KEYS[1], 'tokens', tostring(tokens), 'at', string.format('%.6f', now))
redis.call('PEXPIRE', KEYS[1], math.ceil((2 * burst / rate + 1) * 1000))
return {granted, tostring((1 - tokens) / rate)}
"""
# KEYS: who is there. ARGV: own name, seconds after which somebody is gone. Returns how many there
# are. By Redis's clock alone: who has a wrong one would make the others seem gone.
COUNT = """
local now = tonumber(redis.call('TIME')[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[1], now + ARGV[2], '+inf')
redis.call('ZADD', KEYS[1], now, ARGV[1])
return redis.call('ZCARD', KEYS[1])
"""
LEASE_SHA = hashlib.sha1(LEASE.encode(), usedforsecurity=False).hexdigest()


class LocalLedger:
    """For a gateway on its own, and for any while Redis is away. `gateways`: how many share."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self.gateways = 1
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def lease(self, ask: Ask) -> Grant:
        now = self._now()
        # Less than one would never let anything through.
        rate, burst = ask.rate / self.gateways, max(1.0, ask.burst / self.gateways)
        tokens, at = self._buckets.get(ask.name, (burst, now))
        tokens = max(min(burst, tokens + (now - at) * rate) - ask.debt, -burst)
        granted = float(int(min(ask.want, tokens))) if tokens >= 1 else 0.0
        self._buckets[ask.name] = tokens - granted, now
        self._buckets.move_to_end(ask.name)
        if len(self._buckets) > MAX_BUCKETS:
            self._buckets.popitem(last=False)
        return Grant(granted, (1 - tokens + granted) / rate)


class RedisLedger:
    """One bucket for all gateways. A bucket that Redis has lost is full again. `among`: the name
    under which those are kept who share."""

    def __init__(self, client: RedisClient, among: str = GATEWAYS) -> None:
        self._client = client
        self._among = among

    async def lease(self, ask: Ask) -> Grant:
        """Asks of one turn of the event loop share a round trip. Raises RedisUnavailableError."""
        arguments = (f"{PREFIX}:{ask.name}", ask.rate, ask.burst, ask.want, ask.debt)
        try:
            granted, retry_s = await self._client.call("EVALSHA", LEASE_SHA, 1, *arguments)
        except RedisUnavailableError as error:
            if not error.script_unknown:
                raise
            granted, retry_s = await self._client.call("EVAL", LEASE, 1, *arguments)
        return Grant(float(granted), float(retry_s))

    async def count_gateways(self, own: str) -> int:
        """Tell of this gateway, and learn how many there are. Raises RedisUnavailableError."""
        return int(await self._client.call("EVAL", COUNT, 1, self._among, own, GONE_S))

    async def leave(self, own: str) -> None:
        """Do not count this gateway any more. Raises RedisUnavailableError."""
        await self._client.call("ZREM", self._among, own)
