"""A bound in time whose timer is only made for work that waits."""

import asyncio
import contextlib
import gc
import weakref
from collections.abc import Iterator

import pytest

from gateway.usecases.deadline import in_time


async def test_work_that_never_waits_makes_no_timer(monkeypatch: pytest.MonkeyPatch) -> None:
    async def at_once() -> int:
        return 7

    monkeypatch.setattr(asyncio, "timeout", None)
    assert await in_time(at_once(), -1) == 7


async def test_work_that_waits_is_carried_on_to_its_end() -> None:
    async def waits() -> int:
        total = 0
        for value in (1, 2, 3):
            total += await asyncio.sleep(0, value)
            total += await asyncio.sleep(0.001, value)
        return total

    assert await in_time(waits(), 10) == 12


async def test_work_that_takes_too_long_is_cancelled_where_it_waits() -> None:
    seen: list[str] = []

    async def endless() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    with pytest.raises(TimeoutError):
        await in_time(endless(), 0.01)
    assert seen == ["cancelled"]


async def test_what_the_work_catches_it_survives() -> None:
    async def stubborn() -> str:
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(waiting.set_exception, KeyError("first"))
        try:
            await waiting
        except KeyError:
            return await asyncio.sleep(0.001, "went on")
        return "missed"

    assert await in_time(stubborn(), 10) == "went on"


@pytest.mark.parametrize("wait_s", [0, 0.001])
async def test_an_error_of_the_work_is_raised_as_it_is(wait_s: float) -> None:
    async def fails() -> None:
        if wait_s:
            await asyncio.sleep(wait_s)
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        await in_time(fails(), 10)


async def test_a_cancelled_caller_cancels_the_work_and_is_no_timeout() -> None:
    ended = asyncio.Event()

    async def endless() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    caller = asyncio.create_task(in_time(endless(), 10))
    await asyncio.sleep(0.01)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert ended.is_set()


class Megabytes:
    """What a request holds while it is read."""


@pytest.fixture
def no_collection() -> Iterator[None]:
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@pytest.mark.parametrize("ending", ["timeout", "cancelled", "swallowed"])
@pytest.mark.usefixtures("no_collection")
async def test_what_the_work_held_is_freed_at_once_however_it_ends(ending: str) -> None:
    held: list[weakref.ref[Megabytes]] = []

    async def work() -> None:
        body = Megabytes()
        held.append(weakref.ref(body))
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            if ending != "swallowed":
                raise
            await asyncio.sleep(0)

    async def caller() -> None:
        with contextlib.suppress(TimeoutError):
            await in_time(work(), 10 if ending == "cancelled" else 0.01)

    task = asyncio.create_task(caller())
    await asyncio.sleep(0.005)
    if ending == "cancelled":
        task.cancel()
    await asyncio.wait({task})
    del task
    assert held[0]() is None
