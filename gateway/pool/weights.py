"""Which share of the callers each model revision gets: changed at run time, the same at all
gateways. Every gateway keeps the last known ones, and writes them back when Redis has lost them."""

import asyncio
import contextlib
import json
import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from redis.asyncio import Redis
from redis.exceptions import RedisError

from gateway.pool.balancer import checked_weights

log = logging.getLogger(__name__)

NAME = "shopsight:weights"
# How often the others' changes are looked for: a canary's verdict counts in tens of seconds.
EVERY_S = 1.0
BUDGET_S = 0.5
# Another gateway may change them at the same moment; the last one wins.
TRIES = 5
# Stores the newer of what is there and what is offered, and answers what then is there.
_NEWER = """
local there = redis.call('GET', KEYS[1])
if there then
  local ok, value = pcall(cjson.decode, there)
  if ok and type(value) == 'table' and (tonumber(value.version) or 0) >= tonumber(ARGV[1]) then
    return there
  end
end
redis.call('SET', KEYS[1], ARGV[2])
return ARGV[2]
"""


@dataclass(frozen=True)
class Version:
    """Version 0 is the setting's; every change is one more. None: back to the setting."""

    number: int
    weights: Mapping[str, float] | None

    def dump(self) -> str:
        return json.dumps({"version": self.number, "weights": self.weights}, sort_keys=True)

    @classmethod
    def read(cls, value: bytes) -> "Version | None":
        try:
            fields = json.loads(value)
            number, weights = fields["version"], fields["weights"]
            if weights is not None:
                weights = checked_weights(weights)
            return cls(int(number), weights)
        except (ValueError, LookupError, TypeError, AttributeError):
            return None


class Weights:
    def __init__(self, configured: Mapping[str, float], redis_url: str | None) -> None:
        self._configured = dict(configured)
        self._known = Version(0, None)
        self._redis: Redis | None = None
        if redis_url:
            self._redis = Redis.from_url(
                redis_url, socket_timeout=BUDGET_S, socket_connect_timeout=BUDGET_S
            )
        self._task: asyncio.Task[None] | None = None

    @property
    def version(self) -> int:
        return self._known.number

    @property
    def in_force(self) -> dict[str, float]:
        """Revisions that get callers; empty when all do alike."""
        weights = self._configured if self._known.weights is None else self._known.weights
        return {revision: weight for revision, weight in weights.items() if weight > 0}

    def of(self, revisions: Collection[str]) -> dict[str, float]:
        """Those of `revisions` that get callers. Without any weights set each has 1; else one that
        is not named has 0: a revision that was rolled back stays so when the other is down."""
        weights = self.in_force
        if not weights:
            return dict.fromkeys(revisions, 1.0)
        return {revision: weights[revision] for revision in revisions if revision in weights}

    async def change(self, weights: Mapping[str, float] | None) -> None:
        """Set them for all gateways; without Redis, for this process."""
        log.warning("weights changed", extra={"fields": {"weights": weights}})
        await self._exchange()
        for _ in range(TRIES):
            ours = self._known = Version(self._known.number + 1, weights)
            await self._exchange()
            if self._known == ours:
                return

    async def start(self) -> None:
        await self._exchange()
        if self._redis is not None:
            self._task = asyncio.create_task(self._follow())

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        if self._redis is not None:
            await self._redis.aclose()

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(EVERY_S)
            try:
                await self._exchange()
            except Exception:  # who stops listening would keep a bad canary for ever
                log.exception("weights not read")

    async def _exchange(self) -> None:
        """Offer what we know, learn what is newer. An outage changes nothing."""
        if self._redis is None:
            return
        try:
            async with asyncio.timeout(BUDGET_S):
                if self._known.number:
                    offer = (str(self._known.number), self._known.dump())
                    answer = self._redis.eval(_NEWER, 1, NAME, *offer)
                    value = await answer
                    if Version.read(value) is None:  # not ours, whatever version it claims
                        await self._redis.set(NAME, self._known.dump())
                else:
                    value = await self._redis.get(NAME)
        except (RedisError, OSError, TimeoutError):
            return
        there = Version.read(value) if isinstance(value, bytes) else None
        if there is not None and there.number >= self._known.number:
            self._known = there
