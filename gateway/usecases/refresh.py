"""Computations behind stale answers: no request follows them, so they are followed here."""

import asyncio
from contextlib import aclosing

from contract.errors import ShopsightError
from gateway.cache.flights import Flight


class Refreshes:
    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def watch(self, flight: Flight) -> None:
        task = asyncio.create_task(_follow(flight))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _follow(flight: Flight) -> None:
    """That it failed is in the pool's own log; the old answer stays."""
    try:
        async with aclosing(flight.follow()) as pieces:
            async for _ in pieces:
                pass
    except ShopsightError as error:
        error.with_traceback(None)  # it keeps photos in circles
