"""Commits each interaction exactly once, however its request ends. An answer that cannot be
recorded is not acknowledged."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.requests import ClientDisconnect

from contract.errors import InternalError, ShopsightError
from contract.process.stopping import STOP_S
from gateway.errors import LogUnavailable
from gateway.identity.pseudonyms import Pseudonyms
from gateway.log.event import to_event
from gateway.log.interaction import Interaction
from gateway.log.outbox.forwarder import Forwarder
from gateway.log.outbox.group_commit import GroupCommit
from gateway.log.outbox.metrics import OutboxMetrics
from gateway.log.outbox.process.handle import ForwarderProcess
from gateway.log.outbox.spool import Spool
from gateway.log.request_metrics import RequestMetrics

log = logging.getLogger(__name__)


class Recorder:
    """Must be made on the running event loop. `start` starts the forwarder."""

    def __init__(
        self,
        spool: Spool,
        forwarder: Forwarder | ForwarderProcess,
        request_metrics: RequestMetrics,
        outbox_metrics: OutboxMetrics,
        pseudonyms: Pseudonyms,
        drain_s: float,
    ) -> None:
        """`forwarder`: of this spool, not started yet. `drain_s`: what it has in the end."""
        self._metrics = request_metrics
        self._pseudonyms = pseudonyms
        self._drain_s = drain_s
        self._group_commit = GroupCommit(spool, outbox_metrics)
        self._forwarder = forwarder

    def start(self) -> None:
        self._forwarder.start()

    async def close(self) -> None:
        """Commit the events that wait, forward for at most `drain_s`, release the spool. After
        STOP_S what hangs, such as the spool's disk, is left to end with the process."""
        try:
            async with asyncio.timeout(STOP_S):
                await self._group_commit.close()
                await asyncio.gather(
                    asyncio.to_thread(self._forwarder.stop, self._drain_s),
                    asyncio.to_thread(self._metrics.close),
                )
        except TimeoutError:
            log.warning("the spool could not be closed in time")

    @property
    def available(self) -> bool:
        """Whether an answer could be recorded now. Only the spool must work, not the database."""
        return self._group_commit.healthy and self._forwarder.has_room

    @asynccontextmanager
    async def recorded(self, interaction: Interaction) -> AsyncIterator[None]:
        """Wraps a whole request: sets its outcome and commits its row at the end. Raises
        LogUnavailable at once if the spool is known to be down, or later if the commit fails."""
        commit_started = False
        self._metrics.in_flight.inc()
        try:
            if not self.available:
                raise LogUnavailable
            yield
            interaction.outcome = "answered"
            with interaction.step("record"):
                commit_started = True
                await self._commit(interaction)
        except LogUnavailable:
            interaction.outcome, interaction.error_code = "failed", LogUnavailable.code
            raise
        except ShopsightError as error:
            interaction.outcome = "refused" if error.status < 500 else "failed"
            interaction.error_code = error.code
            await self._commit_failed_request(interaction)
            raise
        except (asyncio.CancelledError, GeneratorExit, ClientDisconnect):
            interaction.outcome = "cancelled"
            if not commit_started:  # else its row is being committed: the answer was complete
                await self._commit_failed_request(interaction)
            raise
        except Exception:
            interaction.outcome, interaction.error_code = "failed", InternalError.code
            await self._commit_failed_request(interaction)
            raise
        finally:
            self._metrics.finished(interaction)

    @asynccontextmanager
    async def refusals(self, interaction: Interaction) -> AsyncIterator[None]:
        """Wraps what stands before a use case, which records itself: commits the row of a request
        that is refused here, and none of one that goes on."""
        try:
            yield
        except ShopsightError as error:
            with contextlib.suppress(ShopsightError):
                async with self.recorded(interaction):
                    raise error
            raise

    async def _commit_failed_request(self, interaction: Interaction) -> None:
        """Commit, but let the request's own error prevail over a failed commit."""
        with contextlib.suppress(LogUnavailable):
            await self._commit(interaction)

    async def _commit(self, interaction: Interaction) -> None:
        caller, asked = interaction.caller, interaction.asked
        user = caller.user or (asked.user if asked else None)
        name = self._pseudonyms.of(caller.tenant, user) if user else None
        await self._group_commit.commit(to_event(interaction.row(name)))
