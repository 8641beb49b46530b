"""Composition root of `shopsight worker`, which does what belongs to no request. It forwards the
spools of dead gateways, and does the upkeep of the log: roll-ups, partitions, retention."""

import asyncio
import signal

import uvloop
from prometheus_client import CollectorRegistry, start_http_server

from contract.process.logs import configure_logging
from gateway.cache.shared import SharedAnswers
from gateway.config import Settings
from gateway.log.given_answers import without_others
from gateway.log.outbox.forwarder import ANSWER_TIMEOUT_S, Forwarder
from gateway.log.outbox.metrics import OutboxMetrics
from gateway.log.outbox.spool_folder import SpoolFolder
from gateway.log.rollups.upkeep import Upkeep, UpkeepMetrics
from gateway.log.schema.database import open_database

# No request waits for the worker, so Redis may take longer.
REDIS_BUDGET_MS = 2_000


def run() -> int:
    """Run until SIGTERM; returns the exit code."""
    settings = Settings()
    configure_logging(settings.log_level)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_run(settings))
    return 0


async def _run(settings: Settings) -> None:
    loop = asyncio.get_running_loop()
    registry = CollectorRegistry()
    forwarding_engine = open_database(settings, answer_timeout_s=ANSWER_TIMEOUT_S)
    # Without the forwarder's timeout: the roll-up of a month may take longer.
    upkeep_engine = open_database(settings)
    cache = SharedAnswers.open(settings, REDIS_BUDGET_MS)
    folder = SpoolFolder(settings.spool_dir, settings.log_durability)
    folder.path.mkdir(parents=True, exist_ok=True)
    delete_answers = without_others(forwarding_engine, cache.delete_from_thread(loop))
    forwarder = Forwarder(
        settings, folder, None, forwarding_engine, OutboxMetrics(registry), delete_answers
    )
    upkeep = Upkeep(settings, upkeep_engine, UpkeepMetrics(registry))
    start_http_server(settings.internal_port, settings.internal_host, registry)
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    forwarder.start()
    upkeep.start()
    await stop.wait()
    await asyncio.to_thread(forwarder.stop, settings.log_drain_s)
    await asyncio.to_thread(upkeep.stop, settings.log_drain_s)
    forwarding_engine.dispose()
    upkeep_engine.dispose()
    await cache.close()
