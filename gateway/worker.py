"""Composition root of `shopsight worker`, which does what belongs to no request: the spools of dead
gateways, the upkeep of the log (roll-ups, partitions, retention), and the lines of batches."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Literal

import uvloop
from prometheus_client import CollectorRegistry, ProcessCollector, start_http_server

from contract.process.logs import configure_logging
from contract.process.stopping import end_without_threads
from gateway.api.server import own_address
from gateway.cache.shared import SharedAnswers
from gateway.composition import running_gateway
from gateway.config import Settings
from gateway.forwarding import options_of, thread_forwarder
from gateway.log.outbox.metrics import OutboxMetrics
from gateway.log.rollups.upkeep import Upkeep, UpkeepMetrics
from gateway.log.schema.database import open_database
from gateway.report.nightly import NightlyReports

# No request waits for the worker, so Redis may take longer.
REDIS_BUDGET_MS = 2_000

# On a busy processor gateways of the same machine go first: all that a worker does can wait.
NICE = 10

Only = Literal["upkeep", "batch"]
"""Two halves with different rights: the upkeep changes tables, and batches work on what strangers
have sent. Compose runs them apart."""


def run(only: Only | None = None) -> int:
    """Run until SIGTERM; returns the exit code."""
    settings = Settings()
    configure_logging(settings.log_level)
    os.nice(NICE)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_run(settings, only))
        end_without_threads()
    return 0


async def _run(settings: Settings, only: Only | None) -> None:
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    start_http_server(settings.internal_port, own_address(settings.internal_host), registry)
    async with AsyncExitStack() as stack:
        if only != "upkeep":
            # All that answers a question, without the ports. It forwards spools as well.
            await stack.enter_async_context(running_gateway(settings, registry, batches=True))
        if only != "batch":
            forwards = only == "upkeep"
            await stack.enter_async_context(_running_upkeep(settings, registry, forwards))
        await stop.wait()


@asynccontextmanager
async def _running_upkeep(
    settings: Settings, registry: CollectorRegistry, forwards: bool
) -> AsyncIterator[None]:
    """`forwards`: the spools of gateways without a living owner, too."""
    # Without the forwarder's timeout: the roll-up of a month may take longer.
    upkeep_engine = open_database(settings)
    cache = SharedAnswers.open(settings, REDIS_BUDGET_MS)
    upkeep = Upkeep(settings, upkeep_engine, UpkeepMetrics(registry))
    chores: list[Upkeep | NightlyReports] = [upkeep]
    chores += NightlyReports.wanted(settings, settings.business_zone)
    forwarder = None
    if forwards:
        settings.spool_dir.mkdir(parents=True, exist_ok=True)
        delete_answers = cache.delete_from_thread(asyncio.get_running_loop())
        options = options_of(settings, None)
        forwarder = thread_forwarder(options, None, OutboxMetrics(registry), delete_answers)
        forwarder.start()
    for chore in chores:
        chore.start()
    try:
        yield
    finally:
        if forwarder is not None:
            await asyncio.to_thread(forwarder.stop, settings.log_drain_s)
        for chore in chores:
            await asyncio.to_thread(chore.stop, settings.log_drain_s)
        upkeep_engine.dispose()
        await cache.close()
