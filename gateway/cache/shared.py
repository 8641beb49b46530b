"""The answer cache with the leases beside it, as the settings want it: in Redis, or in this
process, where nothing is shared with another."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

from gateway.cache.answers import AnswerCache, GivenAnswer
from gateway.cache.lease import Leases
from gateway.cache.memory import MemoryStore
from gateway.cache.redis import RedisLink, RedisStore, RedisUnavailableError
from gateway.cache.settings import CacheSettings

# To delete some names in Redis takes milliseconds, to look through a million a second.
FORGET_TIMEOUT_S = 60


@dataclass(frozen=True)
class SharedAnswers:
    """`leases` is None where no other gateway can be told of a computation."""

    answers: AnswerCache
    leases: Leases | None

    @classmethod
    def open(cls, settings: CacheSettings, budget_ms: int) -> Self:
        """`budget_ms`: for one call of Redis."""
        fresh_s, stale_s = settings.answer_fresh_s, settings.answer_stale_s
        if settings.redis_url is None:
            store = MemoryStore(settings.memory_cache_bytes)
            return cls(AnswerCache(store, fresh_s, stale_s), None)
        link = RedisLink(settings.redis_url, budget_ms)
        return cls(AnswerCache(RedisStore(link), fresh_s, stale_s), Leases(link))

    async def delete(self, answers: Sequence[GivenAnswer]) -> int:
        """Delete cached answers, and what is still told of them to other gateways. Returns how many
        there were. Raises RedisUnavailableError."""
        forgotten = await self.answers.delete(answers)
        if self.leases is not None:
            await self.leases.delete_streams({given.key for given in answers})
        return forgotten

    def delete_from_thread(
        self, loop: asyncio.AbstractEventLoop
    ) -> Callable[[Sequence[GivenAnswer]], bool]:
        """The same for a thread beside that event loop. Its call says whether it was done."""

        def delete(answers: Sequence[GivenAnswer]) -> bool:
            forgetting = asyncio.run_coroutine_threadsafe(self.delete(answers), loop)
            try:
                forgetting.result(FORGET_TIMEOUT_S)
            except (RedisUnavailableError, TimeoutError):
                return False
            return True

        return delete

    async def close(self) -> None:
        await self.answers.close()
