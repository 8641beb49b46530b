"""Cancels the work on an answer when the client disconnects before the answer began. The work would
go on to take a replica's capacity. A stream that has begun notices a disconnect itself."""

import asyncio

from starlette.types import Receive

# Only answers that take longer are watched: watching would slow a cached one down.
WATCH_AFTER_S = 0.05


class DisconnectWatch:
    """Cancels the task that created it. `receive` may have nothing but the disconnect left."""

    def __init__(self, receive: Receive) -> None:
        self.happened = False
        self._receive = receive
        self._answer_task = asyncio.current_task()
        self._timer: asyncio.TimerHandle | None = None
        self._watch_task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(WATCH_AFTER_S, self._start_watching)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._watch_task is not None:
            self._watch_task.cancel()

    def _start_watching(self) -> None:
        self._watch_task = asyncio.create_task(self._watch())

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.happened = True
        if self._answer_task is not None:
            self._answer_task.cancel()
