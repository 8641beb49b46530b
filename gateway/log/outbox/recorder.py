"""Commits each interaction exactly once, whatever became of it; an answer that cannot be recorded
is not acknowledged."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import Engine
from starlette.requests import ClientDisconnect

from contract.errors import InternalError, ShopsightError
from gateway.errors import LogUnavailable
from gateway.identity.pseudonyms import Pseudonyms
from gateway.log.event import to_event
from gateway.log.interaction import Interaction
from gateway.log.outbox.forwarder import Forget, Forwarder
from gateway.log.outbox.group_commit import GroupCommit
from gateway.log.outbox.metrics import OutboxMetrics
from gateway.log.outbox.settings import OutboxSettings
from gateway.log.outbox.spool_folder import SpoolFolder
from gateway.log.request_metrics import RequestMetrics


class Recorder:
    """Made on the running event loop; `start` begins to forward."""

    def __init__(
        self,
        settings: OutboxSettings,
        engine: Engine,
        request_metrics: RequestMetrics,
        outbox_metrics: OutboxMetrics,
        pseudonyms: Pseudonyms,
        forget: Forget = lambda _: True,
    ) -> None:
        """`engine`: to forward to; `forget` is called from a thread of its own."""
        self._metrics = request_metrics
        self._pseudonyms = pseudonyms
        self._drain_s = settings.log_drain_s
        folder = SpoolFolder(settings.spool_dir, settings.log_durability)
        spool = folder.claim()
        self._writer = GroupCommit(spool, outbox_metrics)
        self._forwarder = Forwarder(settings, folder, spool, engine, outbox_metrics, forget)

    def start(self) -> None:
        self._forwarder.start()

    async def close(self) -> None:
        """Commit what waits, forward what can be forwarded in the time allowed, let go."""
        await self._writer.close()
        await asyncio.to_thread(self._forwarder.stop, self._drain_s)

    @property
    def available(self) -> bool:
        """Whether an answer could be recorded. The database has no part in that: the spool has."""
        return self._writer.healthy and self._forwarder.has_room

    @asynccontextmanager
    async def recorded(self, interaction: Interaction) -> AsyncIterator[None]:
        """Around a whole request: names its outcome and commits its row on the way out. Raises
        LogUnavailable at once when the log is known to be down, and when the commit fails."""
        handed_over = False
        self._metrics.in_flight.inc()
        try:
            if not self.available:
                raise LogUnavailable
            yield
            interaction.outcome = "answered"
            with interaction.step("record"):
                handed_over = True
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
            if not handed_over:  # or its row is on its way already: the answer was complete
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
        name = self._pseudonyms.of(caller.tenant, user) if user else None
        await self._writer.commit(to_event(interaction.row(name)))
