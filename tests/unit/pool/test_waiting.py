import asyncio

import pytest

from contract.errors import NoReplica, Overloaded
from gateway.pool.waiting import WaitingRoom


class Desk:
    """Places to be taken, and who got one."""

    def __init__(self, free: int) -> None:
        self.free = free
        self.room: WaitingRoom[str] = WaitingRoom(3, self.give_back)

    def take(self) -> str | None:
        if not self.free:
            return None
        self.free -= 1
        return "a place"

    def give_back(self, place: str) -> None:
        self.free += 1
        self.room.wake()

    async def place(self, line: str = "", timeout_s: float = 5) -> str:
        return await self.room.place(line, self.take, timeout_s)


async def queued(desk: Desk, count: int, **how: float) -> list["asyncio.Task[str]"]:
    tasks = [asyncio.create_task(desk.place(**how)) for _ in range(count)]  # type: ignore[arg-type]
    await asyncio.sleep(0)
    return tasks


async def test_a_free_place_is_taken_at_once() -> None:
    assert await Desk(1).place() == "a place"


async def test_who_came_first_is_served_first_and_newcomers_do_not_push_in() -> None:
    desk = Desk(0)
    tasks = await queued(desk, 2)
    desk.free = 1  # free, and nobody was called up yet
    late = (await queued(desk, 1))[0]
    desk.room.wake()
    await asyncio.sleep(0)
    assert [task.done() for task in (*tasks, late)] == [True, False, False]
    desk.give_back("")
    await asyncio.sleep(0)
    assert [task.done() for task in (*tasks, late)] == [True, True, False]
    late.cancel()


async def test_one_too_many_is_refused_at_once() -> None:
    desk = Desk(0)
    tasks = await queued(desk, 3)
    assert len(desk.room) == 3
    with pytest.raises(Overloaded):
        await desk.place()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert len(desk.room) == 0


async def test_waiting_in_vain_ends_as_overloaded() -> None:
    desk = Desk(0)
    with pytest.raises(Overloaded):
        await desk.place(timeout_s=0.01)
    assert len(desk.room) == 0


async def test_who_leaves_in_the_moment_of_being_called_gives_the_place_on() -> None:
    desk = Desk(0)
    first, second = await queued(desk, 2)
    desk.free = 1
    desk.room.wake()  # the first is called up …
    first.cancel()  # … and leaves before it notices
    with pytest.raises(asyncio.CancelledError):
        await first
    assert await asyncio.wait_for(second, 1) == "a place"
    assert desk.free == 0


async def test_lines_do_not_hold_each_other_up() -> None:
    desk = Desk(0)
    (waiting,) = await queued(desk, 1)
    free = Desk(1)
    assert await desk.room.place("other", free.take, 1) == "a place"
    assert not waiting.done()
    waiting.cancel()


async def test_an_error_of_the_choice_reaches_everybody_who_waits() -> None:
    desk = Desk(0)
    tasks = await queued(desk, 2)

    def gone() -> str | None:
        raise NoReplica

    desk.take = gone  # type: ignore[method-assign]
    third = asyncio.create_task(desk.room.place("other", lambda: None, 5))
    await asyncio.sleep(0)
    for waiter in desk.room._lines[""]:
        waiter.take = gone
    desk.room.wake()
    for task in tasks:
        with pytest.raises(NoReplica):
            await task
    assert not third.done()
    third.cancel()
