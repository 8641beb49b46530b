"""The share of callers that each model revision gets. It can change at run time, and is the same at
all gateways: they share it through Redis and the database, of which either is enough, and write it
back to the one that has lost it."""

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from redis.exceptions import RedisError

from gateway.cache.servers import RedisServers
from gateway.pool.balancer import checked_weights
from gateway.pool.replica import Replica

log = logging.getLogger(__name__)

REDIS_KEY = "shopsight:weights"
# How often other gateways' changes are read. A canary is judged over tens of seconds.
POLL_INTERVAL_S = 1.0
REDIS_TIMEOUT_S = 0.5
# The database is asked beside Redis, never before it. A change waits for it no longer than this.
KEPT_INTERVAL_S = 1.5
KEPT_TIMEOUT_S = 2.0
# Of a connection that was closed meanwhile, or of a master that is another one now.
RETRIES = 2
# Another gateway may change them at the same moment. The last one wins.
MAX_TRIES = 5
# Stores the offered version unless the stored one is as new, and returns what is stored then.
_STORE_NEWER = """
local stored = redis.call('GET', KEYS[1])
if stored then
  local ok, value = pcall(cjson.decode, stored)
  if ok and type(value) == 'table' and (tonumber(value.version) or 0) >= tonumber(ARGV[1]) then
    return stored
  end
end
redis.call('SET', KEYS[1], ARGV[2])
return ARGV[2]
"""


@dataclass(frozen=True)
class WeightsVersion:
    """Number 0 is the setting. A change has the time of day in milliseconds, and a higher number
    than what it replaces: two gateways that cannot reach each other never give the same one to
    different weights. Weights of None: back to the setting."""

    number: int
    weights: Mapping[str, float] | None

    def dump(self) -> str:
        return json.dumps({"version": self.number, "weights": self.weights}, sort_keys=True)

    @classmethod
    def read(cls, value: bytes) -> "WeightsVersion | None":
        try:
            fields = json.loads(value)
            number, weights = fields["version"], fields["weights"]
            if weights is not None:
                weights = checked_weights(weights)
            return cls(int(number), weights)
        except (ValueError, LookupError, TypeError, AttributeError):
            return None


class KeptWeights(Protocol):
    """Where the weights are kept besides Redis."""

    async def exchange(self, ours: WeightsVersion) -> WeightsVersion:
        """Offers a version, and returns the newest that is known there, or the one offered. Raises
        nothing but CancelledError."""
        ...


class Weights:
    def __init__(
        self,
        configured: Mapping[str, float],
        redis_url: str | None,
        kept: KeptWeights | None = None,
    ) -> None:
        self._configured = dict(configured)
        self._kept = kept
        self._current = WeightsVersion(0, None)
        self.passed_over = False
        self._servers = RedisServers(redis_url, RETRIES) if redis_url else None
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def version(self) -> int:
        return self._current.number

    @property
    def named(self) -> Mapping[str, float]:
        """As they were set, those of 0 included; empty when no weights are set."""
        return self._configured if self._current.weights is None else self._current.weights

    @property
    def in_force(self) -> dict[str, float]:
        """Revisions with a weight above 0; empty when no weights are set."""
        return {revision: weight for revision, weight in self.named.items() if weight > 0}

    def of(self, revisions: Collection[str]) -> dict[str, float]:
        """The weights of those `revisions` that have one above 0; 1 for each when no weights are
        set."""
        weights = self.in_force
        if not weights:
            return dict.fromkeys(revisions, 1.0)
        return {revision: weights[revision] for revision in revisions if revision in weights}

    def of_ready(self, revisions: Collection[str]) -> dict[str, float]:
        """The same, of all ready `revisions`. If none of them has a weight, those that are not
        named get equal ones: weights that fit no replica must not silence all. One that is named
        with 0 stays out even then, as what was rolled back."""
        named = self.named
        return self.of(revisions) or {each: 1.0 for each in revisions if each not in named}

    def of_replicas(self, replicas: Collection[Replica]) -> dict[str, float]:
        """Of the revisions that can answer now. Where none has a weight, of all that are ready;
        else of the last known ones, so that cached answers are still given."""
        sound = {r.revision for r in replicas if r.revision and r.ready and not r.ejected}
        if weights := self.of(sound):  # nearly always
            return weights
        ready = {r.revision for r in replicas if r.revision and r.ready}
        known = {r.revision for r in replicas if r.revision}
        return self.of_ready(ready) or self.of(known) or self.in_force

    def observe(self, ready: Collection[str]) -> None:
        """Notes, and tells once, whether weights are set that no `ready` revision has."""
        passed_over = bool(ready) and not self.of(ready)
        if passed_over and not self.passed_over:
            fields = {"weights": dict(self.named), "ready": sorted(ready)}
            log.warning("no ready replica has a weight", extra={"fields": fields})
        self.passed_over = passed_over

    async def change(self, weights: Mapping[str, float] | None) -> None:
        """Set them for all gateways, by Redis or the database; without both, for this process until
        one of them is back. None: back to the setting."""
        log.warning("weights changed", extra={"fields": {"weights": weights}})
        await self._synchronise()
        for _ in range(MAX_TRIES):
            number = max(self._current.number + 1, int(time.time() * 1000))
            ours = self._current = WeightsVersion(number, weights)
            await self._synchronise()
            if self._current == ours:
                return

    async def start(self) -> None:
        await self._synchronise()
        polls = [
            (self._servers, POLL_INTERVAL_S, self._ask_redis),
            (self._kept, KEPT_INTERVAL_S, self._ask_kept),
        ]
        self._tasks = [
            asyncio.create_task(_repeat(pause_s, ask)) for there, pause_s, ask in polls if there
        ]

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._servers is not None:
            await self._servers.close()

    async def _synchronise(self) -> None:
        """Offer our version, and take over a newer one. What is down changes nothing."""
        await asyncio.gather(self._ask_redis(), self._ask_kept())

    async def _ask_kept(self) -> None:
        if self._kept is None:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(KEPT_TIMEOUT_S):
                stored = await self._kept.exchange(self._current)
                if stored.number > self._current.number:  # of two with one number Redis decides
                    self._current = stored

    async def _ask_redis(self) -> None:
        if self._servers is None:
            return
        redis = self._servers.client
        try:
            async with asyncio.timeout(REDIS_TIMEOUT_S):
                if self._current.number:
                    offer = (str(self._current.number), self._current.dump())
                    value = await redis.eval(_STORE_NEWER, 1, REDIS_KEY, *offer)
                    if WeightsVersion.read(value) is None:  # malformed, whatever version it claims
                        await redis.set(REDIS_KEY, self._current.dump())
                else:
                    value = await redis.get(REDIS_KEY)
        except (RedisError, OSError, TimeoutError):
            return
        stored = WeightsVersion.read(value) if isinstance(value, bytes) else None
        if stored is not None and stored.number >= self._current.number:
            self._current = stored


async def _repeat(pause_s: float, ask: Callable[[], Awaitable[None]]) -> None:
    while True:
        await asyncio.sleep(pause_s)
        try:
            await ask()
        except Exception:  # a gateway that stopped polling would keep a bad canary
            log.exception("weights not read")
