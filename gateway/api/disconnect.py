"""Ends the work on an answer whose client has left before it began: the work holds a place at a
replica. A stream, once it has begun, looks after that itself."""

import asyncio

from starlette.types import Receive

# Only answers that take longer are watched: a cached one would be slowed down by it.
WATCH_AFTER_S = 0.05


class DisconnectWatch:
    """Made in the task that it cancels. `receive` must have nothing but the disconnect left."""

    def __init__(self, receive: Receive) -> None:
        self.happened = False
        self._receive = receive
        self._answering = asyncio.current_task()
        self._timer: asyncio.TimerHandle | None = None
        self._watch: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(WATCH_AFTER_S, self._begin)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._watch is not None:
            self._watch.cancel()

    def _begin(self) -> None:
        self._watch = asyncio.create_task(self._wait())

    async def _wait(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.happened = True
        if self._answering is not None:
            self._answering.cancel()
