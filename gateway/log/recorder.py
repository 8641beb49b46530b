"""Commits each interaction exactly once, whatever became of it; an answer that cannot be recorded
is not acknowledged."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import Engine, create_engine, event, insert
from starlette.requests import ClientDisconnect

from contract.errors import InternalError, LogUnavailable, ShopsightError
from gateway.config import Settings
from gateway.identity.callers import pseudonym
from gateway.log.interaction import Interaction
from gateway.log.tables import interactions
from gateway.telemetry import Metrics

log = logging.getLogger(__name__)

# Rows of one commit: what arrives while a commit runs waits and shares the next one.
BATCH_ROWS = 200
# After a failed commit questions are refused for this long before the log is tried again.
PAUSE_S = 1.0


def open_database(settings: Settings) -> Engine:
    """An engine for the log; connections are checked before use, so that it recovers by itself."""
    url = settings.sqlalchemy_url
    if url.get_backend_name() != "sqlite":
        return create_engine(url, pool_pre_ping=True, pool_recycle=1800)
    engine = create_engine(url)

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _: Any) -> None:
        # WAL: analysts read while the gateway writes; NORMAL survives the death of the process.
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")

    return engine


Entry = tuple[dict[str, Any], asyncio.Future[None]]


class Recorder:
    def __init__(self, settings: Settings, engine: Engine, metrics: Metrics) -> None:
        self._engine = engine
        self._metrics = metrics
        self._pseudonym_key = settings.pseudonym_key.get_secret_value()
        self._waiting: asyncio.Queue[Entry | None] = asyncio.Queue()  # None: the last was put
        self._refuse_until = 0.0
        self._writer: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._writer = asyncio.create_task(self._write_forever())

    async def close(self) -> None:
        """Write what waits, then let go of the database."""
        if self._writer is not None:
            self._waiting.put_nowait(None)
            await self._writer
        self._engine.dispose()

    @property
    def available(self) -> bool:
        return time.monotonic() >= self._refuse_until

    @asynccontextmanager
    async def recorded(self, interaction: Interaction) -> AsyncIterator[None]:
        """Around a whole request: names its outcome and commits its row on the way out. Raises
        LogUnavailable at once when the log is known to be down, and when the commit fails."""
        self._metrics.in_flight.inc()
        try:
            if not self.available:
                raise LogUnavailable
            yield
            interaction.outcome = "answered"
            with interaction.step("record"):
                await self._commit(interaction)
        except LogUnavailable:
            interaction.outcome, interaction.error_code = "failed", LogUnavailable.code
            raise
        except ShopsightError as error:
            interaction.outcome = "refused" if error.status < 500 else "failed"
            interaction.error_code = error.code
            await self._commit_anyhow(interaction)
            raise
        except (asyncio.CancelledError, GeneratorExit, ClientDisconnect):
            interaction.outcome = "cancelled"
            await self._commit_anyhow(interaction)
            raise
        except Exception:
            interaction.outcome, interaction.error_code = "failed", InternalError.code
            await self._commit_anyhow(interaction)
            raise
        finally:
            self._metrics.finished(interaction)

    async def _commit_anyhow(self, interaction: Interaction) -> None:
        """The request has failed already: its own error is the one to tell."""
        with contextlib.suppress(LogUnavailable):
            await self._commit(interaction)

    async def _commit(self, interaction: Interaction) -> None:
        caller, asked = interaction.caller, interaction.asked
        user = caller.user or (asked.user if asked else None)
        name = pseudonym(self._pseudonym_key, caller.tenant, user) if user else None
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.put_nowait((interaction.row(name), done))
        await done

    async def _write_forever(self) -> None:
        entry = await self._waiting.get()
        while entry is not None:
            batch = [entry]
            while len(batch) < BATCH_ROWS and not self._waiting.empty():
                entry = self._waiting.get_nowait()
                if entry is None:
                    break
                batch.append(entry)
            await self._write(batch)
            if entry is not None:
                entry = await self._waiting.get()

    async def _write(self, batch: list[Entry]) -> None:
        try:
            await asyncio.to_thread(self._insert, [row for row, _ in batch])
        except Exception as error:  # of any kind: a writer that ended would hang every request
            log.error("log commit failed", extra={"fields": {"why": type(error).__name__}})
            self._refuse_until = time.monotonic() + PAUSE_S
            self._settle(batch, LogUnavailable())
        else:
            self._settle(batch, None)

    def _insert(self, rows: list[dict[str, Any]]) -> None:
        with self._engine.begin() as connection:
            connection.execute(insert(interactions), rows)

    @staticmethod
    def _settle(batch: list[Entry], error: Exception | None) -> None:
        for _, done in batch:
            if done.cancelled():  # its client has left; the row is in all the same
                continue
            if error is None:
                done.set_result(None)
            else:
                done.set_exception(error)
