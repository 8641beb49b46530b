"""Who may fetch now. Each tenant has slots of its own, so the slow servers of one are nobody else's
wait, and all of them together are bounded."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Collection
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from gateway.errors import RateLimited

# For a slot. Then the tenant's photos are slower than it asks for them, and it learns that.
WAIT_S = 5.0
RETRY_AFTER_S = 2.0


@dataclass
class Slot:
    _threads: ThreadPoolExecutor
    _under_way: "Future[Any] | None" = None

    async def in_thread(self, blocking: Callable[[], Any]) -> Any:
        """The call's result. It cannot be broken off, and the slot is taken until it is over: so
        there is a thread for each slot, and no call waits for another tenant's."""
        self._under_way = self._threads.submit(blocking)
        return await asyncio.wrap_future(self._under_way)

    def when_over(self, release: Callable[[], None]) -> None:
        call, loop = self._under_way, asyncio.get_running_loop()
        if call is None or call.done():
            release()
            return

        def from_thread(_: object) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has closed meanwhile
                loop.call_soon_threadsafe(release)

        call.add_done_callback(from_thread)


class FetchSlots:
    def __init__(self, slots: int, tenants: Collection[str]) -> None:
        share = max(1, slots // max(1, len(tenants)))
        self._share = share
        self._free = {tenant: asyncio.Semaphore(share) for tenant in tenants}
        self._threads = ThreadPoolExecutor(share * max(1, len(tenants)), "look-up")

    @asynccontextmanager
    async def of(self, tenant: str) -> AsyncIterator[Slot]:
        """Raises RateLimited, since the tenant alone uses them up."""
        free = self._free[tenant]
        try:
            async with asyncio.timeout(WAIT_S):
                await free.acquire()
        except TimeoutError:
            raise RateLimited.of("concurrency", self._share, RETRY_AFTER_S) from None
        slot = Slot(self._threads)
        try:
            yield slot
        finally:
            slot.when_over(free.release)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
