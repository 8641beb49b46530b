"""A server whose health check is good and whose engine has stopped: questions wait, and not a byte
of an answer comes. Then it is tried with a question of its own, until that is answered."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager


class SilenceWatch:
    """`last_byte_at`: when the server last sent a part of any answer (time.monotonic seconds).
    `try_it`: asks it the least there is to ask, and tells whether an answer began in that many
    seconds. `on_silence`: called when it has fallen silent."""

    def __init__(
        self,
        silence_s: float,
        last_byte_at: Callable[[], float],
        try_it: Callable[[float], Awaitable[bool]],
        on_silence: Callable[[], None],
    ) -> None:
        self.silent = False
        self._silent_since = 0.0
        self._silence_s = silence_s
        self._last_byte_at = last_byte_at
        self._try_it = try_it
        self._on_silence = on_silence
        self._asked_at: dict[object, float] = {}
        self._trial: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def question(self) -> AsyncIterator[None]:
        """While a question waits for its answer, or for more of it."""
        name = object()
        self._asked_at[name] = time.monotonic()
        try:
            yield
        finally:
            del self._asked_at[name]

    def check(self) -> None:
        """To be called often, while its health check is good. A byte for anybody ends the silence,
        whatever becomes of trials."""
        if self.silent and self._last_byte_at() > self._silent_since:
            self.silent = False
        if self._trial is None and (self.silent or self._seems_silent()):
            self._trial = asyncio.create_task(self._try())

    def close(self) -> None:
        if self._trial is not None:
            self._trial.cancel()

    def _seems_silent(self) -> bool:
        oldest = min(self._asked_at.values(), default=None)
        if oldest is None:
            return False
        return time.monotonic() - max(oldest, self._last_byte_at()) >= self._silence_s

    async def _try(self) -> None:
        try:
            silent = not await self._try_it(self._silence_s)
            if silent and not self.silent and not self._seems_silent():
                return  # it was busy: meanwhile it answers others, or was asked nothing
            if silent and not self.silent:
                self._silent_since = time.monotonic()
                self._on_silence()
            self.silent = silent
        finally:
            self._trial = None
