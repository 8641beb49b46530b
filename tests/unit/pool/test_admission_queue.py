import asyncio

import pytest

from contract.errors import NoReplica, Overloaded
from gateway.pool.queue.admission_queue import AdmissionQueue


class Replica:
    """Has so many free slots, which callers acquire through the queue."""

    def __init__(self, free: int) -> None:
        self.free = free
        self.queue: AdmissionQueue[str] = AdmissionQueue(3, self.release)

    def try_acquire(self) -> str | None:
        if not self.free:
            return None
        self.free -= 1
        return "a slot"

    def release(self, slot: str) -> None:
        self.free += 1
        self.queue.wake()

    async def acquire(self, key: str = "", timeout_s: float = 5) -> str:
        return await self.queue.acquire(key, self.try_acquire, timeout_s)


async def queued(replica: Replica, count: int) -> list["asyncio.Task[str]"]:
    tasks = [asyncio.create_task(replica.acquire()) for _ in range(count)]
    await asyncio.sleep(0)
    return tasks


async def test_a_free_slot_is_acquired_at_once() -> None:
    assert await Replica(1).acquire() == "a slot"


async def test_who_came_first_is_served_first_and_newcomers_do_not_push_in() -> None:
    replica = Replica(0)
    tasks = await queued(replica, 2)
    replica.free = 1  # free, but the queue was not woken yet
    late = (await queued(replica, 1))[0]
    replica.queue.wake()
    await asyncio.sleep(0)
    assert [task.done() for task in (*tasks, late)] == [True, False, False]
    replica.release("")
    await asyncio.sleep(0)
    assert [task.done() for task in (*tasks, late)] == [True, True, False]
    late.cancel()


async def test_one_too_many_is_refused_at_once() -> None:
    replica = Replica(0)
    tasks = await queued(replica, 3)
    assert len(replica.queue) == 3
    with pytest.raises(Overloaded):
        await replica.acquire()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert len(replica.queue) == 0


async def test_waiting_in_vain_ends_as_overloaded() -> None:
    replica = Replica(0)
    with pytest.raises(Overloaded):
        await replica.acquire(timeout_s=0.01)
    assert len(replica.queue) == 0


async def test_who_is_cancelled_at_the_moment_of_the_grant_passes_the_slot_on() -> None:
    replica = Replica(0)
    first, second = await queued(replica, 2)
    replica.free = 1
    replica.queue.wake()  # the slot is granted to the first …
    first.cancel()  # … which is cancelled before it notices
    with pytest.raises(asyncio.CancelledError):
        await first
    assert await asyncio.wait_for(second, 1) == "a slot"
    assert replica.free == 0


async def test_keys_do_not_hold_each_other_up() -> None:
    replica = Replica(0)
    (waiting,) = await queued(replica, 1)
    free = Replica(1)
    assert await replica.queue.acquire("other", free.try_acquire, 1) == "a slot"
    assert not waiting.done()
    waiting.cancel()


async def test_an_error_of_the_acquisition_reaches_everybody_who_waits() -> None:
    replica = Replica(0)
    tasks = await queued(replica, 2)

    def fail() -> str | None:
        raise NoReplica

    replica.try_acquire = fail  # type: ignore[method-assign]
    third = asyncio.create_task(replica.queue.acquire("other", lambda: None, 5))
    await asyncio.sleep(0)
    for waiter in replica.queue._queues[""]:
        waiter.try_acquire = fail
    replica.queue.wake()
    for task in tasks:
        with pytest.raises(NoReplica):
            await task
    assert not third.done()
    third.cancel()
