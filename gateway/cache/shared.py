"""Opens the answer cache and the leases that the settings ask for: in Redis, or in this process,
where nothing is shared with other gateways."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

from gateway.cache.answers import AnswerCache, AnswerNames
from gateway.cache.lease import Leases
from gateway.cache.memory import MemoryStore
from gateway.cache.redis import RedisClient, RedisStore, RedisUnavailableError
from gateway.cache.retries import MemoryRetryStore, RedisRetryStore, Retries
from gateway.cache.settings import CacheSettings

log = logging.getLogger(__name__)

# While an update rolls, gateways of the version before may still write: look again so much later.
OLD_GATEWAYS_S = 600
RETRY_S = 10
# Deleting some names in Redis takes milliseconds, scanning a million names takes a second.
DELETE_TIMEOUT_S = 60


@dataclass(frozen=True)
class SharedAnswers:
    """`leases` and `client` are None with a cache in this process: other gateways cannot follow."""

    answers: AnswerCache
    leases: Leases | None
    client: RedisClient | None = None

    @classmethod
    def open(cls, settings: CacheSettings, budget_ms: int) -> Self:
        """`budget_ms` is the time budget of one Redis call."""
        fresh_s, stale_s = settings.answer_fresh_s, settings.answer_stale_s
        address = settings.redis_address
        if address is None:
            store = MemoryStore(settings.memory_cache_bytes)
            return cls(AnswerCache(store, fresh_s, stale_s), None)
        client = RedisClient(address, budget_ms)
        return cls(AnswerCache(RedisStore(client), fresh_s, stale_s), Leases(client), client)

    def retries(self, secret: str, deadline_ms: int) -> Retries:
        """Answers to requests that may be sent again. `secret`: of all gateways. `deadline_ms`: of
        a request."""
        store = MemoryRetryStore() if self.client is None else RedisRetryStore(self.client)
        return Retries(store, secret, deadline_ms)

    async def delete(self, answers: Sequence[AnswerNames]) -> int:
        """Delete cached answers and their published pieces. Returns how many answers were stored.
        Raises RedisUnavailableError."""
        deleted = await self.answers.delete(answers)
        if self.leases is not None:
            await self.leases.delete_streams({given.key for given in answers})
        return deleted

    def delete_from_thread(
        self, loop: asyncio.AbstractEventLoop
    ) -> Callable[[Sequence[AnswerNames]], bool]:
        """A `delete` that another thread than the event loop's may call. It returns False if Redis
        is down or too slow."""

        def delete(answers: Sequence[AnswerNames]) -> bool:
            future = asyncio.run_coroutine_threadsafe(self.delete(answers), loop)
            try:
                future.result(DELETE_TIMEOUT_S)
            except (RedisUnavailableError, TimeoutError):
                return False
            return True

        return delete

    async def delete_old_forms(self) -> None:
        """Delete what versions before this one have stored, for they stored what names people. To
        be run in the background from the start on: it looks at every name in Redis, a second for a
        million, and waits for Redis where it is down."""
        for pause in (0, OLD_GATEWAYS_S):
            await asyncio.sleep(pause)
            await self._delete_old_forms()

    async def _delete_old_forms(self) -> None:
        while True:
            try:
                deleted = await self.answers.delete_old_forms()
                if self.leases is not None:
                    deleted += await self.leases.delete_old_forms()
            except RedisUnavailableError:
                await asyncio.sleep(RETRY_S)
                continue
            if deleted:
                log.info("answers of an older form deleted", extra={"fields": {"count": deleted}})
            return

    async def close(self) -> None:
        await self.answers.close()
