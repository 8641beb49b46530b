"""Opens the answer cache and the leases that the settings ask for: in Redis, or in this process,
where nothing is shared with other gateways."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

from gateway.cache.answers import AnswerCache, GivenAnswer
from gateway.cache.lease import Leases
from gateway.cache.memory import MemoryStore
from gateway.cache.redis import RedisClient, RedisStore, RedisUnavailableError
from gateway.cache.settings import CacheSettings

# Deleting some names in Redis takes milliseconds, scanning a million names takes a second.
DELETE_TIMEOUT_S = 60


@dataclass(frozen=True)
class SharedAnswers:
    """`leases` is None with a cache in this process: other gateways cannot follow."""

    answers: AnswerCache
    leases: Leases | None

    @classmethod
    def open(cls, settings: CacheSettings, budget_ms: int) -> Self:
        """`budget_ms` is the time budget of one Redis call."""
        fresh_s, stale_s = settings.answer_fresh_s, settings.answer_stale_s
        if settings.redis_url is None:
            store = MemoryStore(settings.memory_cache_bytes)
            return cls(AnswerCache(store, fresh_s, stale_s), None)
        client = RedisClient(settings.redis_url, budget_ms)
        return cls(AnswerCache(RedisStore(client), fresh_s, stale_s), Leases(client))

    async def delete(self, answers: Sequence[GivenAnswer]) -> int:
        """Delete cached answers and their published pieces. Returns how many answers were stored.
        Raises RedisUnavailableError."""
        deleted = await self.answers.delete(answers)
        if self.leases is not None:
            await self.leases.delete_streams({given.key for given in answers})
        return deleted

    def delete_from_thread(
        self, loop: asyncio.AbstractEventLoop
    ) -> Callable[[Sequence[GivenAnswer]], bool]:
        """A `delete` that another thread than the event loop's may call. It returns False if Redis
        is down or too slow."""

        def delete(answers: Sequence[GivenAnswer]) -> bool:
            future = asyncio.run_coroutine_threadsafe(self.delete(answers), loop)
            try:
                future.result(DELETE_TIMEOUT_S)
            except (RedisUnavailableError, TimeoutError):
                return False
            return True

        return delete

    async def close(self) -> None:
        await self.answers.close()
