"""A bound in time that costs nothing where nothing has to be waited for."""

import asyncio
import types
from collections.abc import Callable, Coroutine, Generator
from typing import Any, TypeVar

T = TypeVar("T")


async def in_time(work: Coroutine[Any, Any, T], seconds: float) -> T:
    """The work's result; TimeoutError, as `asyncio.timeout` raises it, where it takes longer. The
    timer, 4 % of a cached answer by image_id, is made when the work waits for the first time."""
    try:
        waits_for = work.send(None)
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]
    async with asyncio.timeout(seconds):
        return await _resumed(work, waits_for)


@types.coroutine
def _resumed(work: Coroutine[Any, Any, T], waits_for: Any) -> Generator[Any, Any, T]:
    """The rest of a coroutine that has yielded `waits_for` to its event loop."""
    while True:
        try:
            sent = yield waits_for
        except BaseException as error:
            step: Callable[[Any], Any] = work.throw
            argument: Any = error
        else:
            step, argument = work.send, sent
        try:
            waits_for = step(argument)
        except StopIteration as done:
            return done.value  # type: ignore[no-any-return]
