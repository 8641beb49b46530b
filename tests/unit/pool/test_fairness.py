"""Who is next in the queue, and how much of it one asker may have."""

import asyncio

import pytest

from contract.errors import NoReplica, Overloaded
from gateway.errors import RateLimited
from gateway.pool.queue.admission_queue import AdmissionQueue
from gateway.pool.queue.fairness import Asker, Fairness

A = Asker("a", "key-a", whole=True)
B = Asker("b", "key-b", whole=True)
HEAVY = Asker("heavy", "key", weight=3, whole=True)


class Pool:
    """So many places, whose questions end when the test says so. Notes who was served."""

    def __init__(self, places: int, share: float = 1.0, limit: int = 64) -> None:
        self.places = self.free = places
        self.served: list[str] = []
        self.tasks: list[asyncio.Task[None]] = []
        self.queue: AdmissionQueue[None] = AdmissionQueue(
            limit, lambda _: None, places=lambda _: self.places, share=share
        )
        self._held: list[Asker] = []

    def _take(self) -> bool | None:
        if not self.free:
            return None
        self.free -= 1
        return True

    async def _ask(self, asker: Asker) -> None:
        await self.queue.acquire("", self._take, 60, asker)  # type: ignore[arg-type]
        self.served.append(asker.tenant + asker.member[-1:])
        self._held.append(asker)

    async def ask(self, asker: Asker, times: int = 1) -> list["asyncio.Task[None]"]:
        tasks = [asyncio.create_task(self._ask(asker)) for _ in range(times)]
        self.tasks += tasks
        await asyncio.sleep(0)
        return tasks

    async def end_first(self) -> None:
        self.free += 1
        self.queue.ends(self._held.pop(0))
        await asyncio.sleep(0)

    async def close(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        assert len(self.queue) == 0
        for asker in self._held:
            self.queue.ends(asker)
        assert not self.queue._fairness._tenants, "nothing is kept of those who have left"


async def test_who_comes_after_a_crowd_is_next() -> None:
    pool = Pool(1)
    await pool.ask(A, 20)
    await pool.ask(B)
    await pool.end_first()
    assert pool.served == ["aa", "bb"]
    await pool.close()


async def test_places_are_shared_out_by_weight() -> None:
    pool = Pool(8)
    await pool.ask(A, 30)
    await pool.ask(HEAVY, 30)
    for _ in range(40):
        await pool.end_first()
    last = pool.served[-16:]
    assert last.count("heavyy") == 12
    assert last.count("aa") == 4
    await pool.close()


async def test_with_one_place_turns_are_taken_by_weight() -> None:
    pool = Pool(1)
    await pool.ask(A, 12)
    await pool.ask(HEAVY, 12)
    for _ in range(12):
        await pool.end_first()
    assert 8 <= pool.served.count("heavyy") <= 10
    await pool.close()


async def test_one_asker_never_has_more_than_its_share_and_the_rest_is_free_at_once() -> None:
    pool = Pool(8, share=0.5)
    await pool.ask(A, 20)
    assert pool.served == ["aa"] * 4
    await pool.ask(B)
    assert pool.served[-1] == "bb", "without waiting"
    await pool.close()


async def test_more_keys_of_a_tenant_share_what_one_would_have() -> None:
    pool = Pool(8, share=0.5)
    await pool.ask(A, 10)
    await pool.ask(Asker("a", "key-2", whole=True), 10)
    assert len(pool.served) == 4
    for _ in range(8):
        await pool.end_first()
    assert pool.served[-4:].count("aa") == 2, "and share it alike"
    await pool.close()


async def test_shoppers_are_told_apart_by_address_and_together_may_have_all() -> None:
    pool = Pool(8, share=0.5)
    await pool.ask(Asker("public", "1"), 10)
    assert len(pool.served) == 4
    await pool.ask(Asker("public", "2"), 10)
    assert len(pool.served) == 8
    await pool.close()


async def test_a_concurrency_of_its_own_bounds_an_asker() -> None:
    pool = Pool(8)
    await pool.ask(Asker("a", "k", concurrency=2), 5)
    assert len(pool.served) == 2
    await pool.close()


async def test_one_asker_may_not_fill_the_queue() -> None:
    pool = Pool(1, share=0.5, limit=8)
    tasks = await pool.ask(A, 6)
    refused = [task for task in tasks if task.done() and task.exception()]
    assert [type(task.exception()) for task in refused] == [RateLimited]
    await pool.close()


async def test_in_a_full_queue_the_most_crowding_gives_way_its_newest_first() -> None:
    pool = Pool(1, limit=4)
    first, *rest = await pool.ask(A, 5)
    newcomer = (await pool.ask(B))[0]
    await asyncio.sleep(0)
    assert first.done()
    given_way = [task for task in rest if task.done()]
    assert given_way == [rest[-1]]
    assert isinstance(given_way[0].exception(), Overloaded)
    assert not newcomer.done()
    own = (await pool.ask(A))[0]
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        own.result()
    await pool.close()


async def test_in_a_full_queue_a_crowding_shopper_gives_way_to_a_quiet_one() -> None:
    """All shoppers are one tenant, in which the newcomer counts for each of them."""
    pool = Pool(0, limit=4)
    crowd = await pool.ask(Asker("public", "1"), 3)
    crowd += await pool.ask(Asker("public", "2"))
    quiet = (await pool.ask(Asker("public", "3")))[0]
    await asyncio.sleep(0)
    assert not quiet.done()
    assert [task.done() for task in crowd] == [False, False, True, False]
    again = (await pool.ask(Asker("public", "3")))[0]
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        again.result()
    await pool.close()


async def test_a_cancelled_one_leaves_nothing_behind() -> None:
    pool = Pool(1)
    _, waiting, other = await pool.ask(A, 3)
    waiting.cancel()
    await asyncio.sleep(0)
    await pool.end_first()
    assert other.done()
    await pool.close()


def test_whoever_comes_back_has_saved_nothing_up() -> None:
    fairness = Fairness(1)
    for _ in range(50):
        fairness.begins(A)
        fairness.ends(A)
        fairness.waits(A, 1)  # it still asks
    fairness.begins(B)
    assert fairness.order(B)[1] >= 49, "not fifty turns before the other"


async def test_who_holds_a_place_learns_at_once_that_there_are_none_left() -> None:
    """The last replica goes away with a question in flight: who asked it need not wait for its
    end to be told so."""
    pool = Pool(2, share=0.5)
    await pool.ask(A)
    (waiting,) = await pool.ask(A)
    assert not waiting.done(), "one place is all that A may have"

    def none_left() -> None:
        raise NoReplica

    pool.places = 0
    with pytest.raises(NoReplica):
        await pool.queue.acquire("", none_left, 60, A)
    await pool.close()


async def test_nothing_is_kept_of_whoever_finds_no_replica() -> None:
    """Its standing would be the start of every newcomer, and be looked at each time."""
    queue: AdmissionQueue[None] = AdmissionQueue(8, lambda _: None, places=lambda _: 2)

    def none_left() -> None:
        raise NoReplica

    for number in range(3):
        with pytest.raises(NoReplica):
            await queue.acquire("", none_left, 1, Asker("shop", f"address-{number}"))
    assert not queue._fairness._tenants


async def test_nothing_is_kept_of_whoever_may_not_wait() -> None:
    """Another key of a tenant that has its share of the queue already."""
    pool = Pool(1, share=0.5, limit=2)
    pool.free = 0
    await pool.ask(A)
    with pytest.raises(RateLimited):
        await pool.queue.acquire("", lambda: None, 1, Asker("a", "key-2", whole=True))
    assert list(pool.queue._fairness._tenants["a"].members) == ["key-a"]
    await pool.close()
