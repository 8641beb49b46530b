"""The log of canaries and their figures, for the event loop: read and written in a thread."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from gateway.canary.canary_log import DecidedElsewhereError, append, read_newest
from gateway.canary.errors import CanaryRefused
from gateway.canary.figures import database_now, slow_ms_of
from gateway.canary.judge import Judge, JudgedCanary
from gateway.canary.metrics import CanaryMetrics
from gateway.canary.record import Action, Canary

R = TypeVar("R")


class CanaryJournal:
    """Methods raise SQLAlchemyError. `known`: the newest canary, as it was last read, and `judged`
    what was last found of it. `answers`: whether the database could be read then."""

    def __init__(self, engine: Engine, metrics: CanaryMetrics) -> None:
        self._engine = engine
        self._metrics = metrics
        self._judge = Judge(engine)
        self.known: Canary | None = None
        self.judged: JudgedCanary | None = None
        self.answers = True
        # One thread of its own: a database that hangs keeps nobody else waiting, and two never
        # judge at once.
        self._sql = ThreadPoolExecutor(1, thread_name_prefix="canary")

    async def read(self) -> Canary | None:
        try:
            newest = await self._in_thread(read_newest, self._engine)
        except SQLAlchemyError:
            self.answers = False
            raise
        if newest is None or self.known is None or newest.start != self.known.start:
            self.judged = None
        self.known, self.answers = newest, True
        return newest

    async def judge(self, canary: Canary) -> JudgedCanary:
        judged = await self._in_thread(self._judge.judge, canary)
        if self.known is not None and self.known.start == canary.start:
            self.judged = judged
        return judged

    async def append(
        self, after: Canary | None, actor: str, action: Action, **details: Any
    ) -> None:
        """Raises CanaryRefused where another row came first."""

        def add() -> None:
            append(self._engine, after, actor, action, **details)

        try:
            await self._in_thread(add)
        except DecidedElsewhereError:
            raise CanaryRefused("moved") from None
        self._metrics.decided(action, actor)

    async def slow_ms_of(self, revision: str) -> float:
        return await self._in_thread(slow_ms_of, self._engine, revision)

    async def seconds_since(self, canary: Canary) -> float:
        """Since the last row of a canary, by the database's clock."""
        now = await self._in_thread(database_now, self._engine)
        return (now - canary.entries[-1].done_at).total_seconds()

    def close(self) -> None:
        self._sql.shutdown(wait=False, cancel_futures=True)

    async def _in_thread(self, call: Callable[..., R], *arguments: Any) -> R:
        return await asyncio.get_running_loop().run_in_executor(self._sql, call, *arguments)
