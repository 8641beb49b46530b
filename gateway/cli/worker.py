"""`shopsight worker`: work that belongs to no request: forwarding what gateways that are gone, and
have no successor, left in their spools; roll-ups, partitions and retention of the log."""

import asyncio
import signal
import threading
from collections.abc import Sequence
from functools import partial

from prometheus_client import CollectorRegistry, start_http_server

from contract.logs import configure_logging
from gateway.cache.answers import AnswerCache, GivenAnswer
from gateway.cache.lease import Leases
from gateway.cache.redis import RedisLink, RedisStore, RedisUnavailableError
from gateway.config import Settings
from gateway.log.database import open_database
from gateway.log.erasure import answers_of
from gateway.log.forwarder import ANSWER_TIMEOUT_S, Forwarder
from gateway.log.metrics import LogMetrics
from gateway.log.spool_folder import SpoolFolder
from gateway.log.upkeep import Upkeep, UpkeepMetrics

# Nobody waits for the worker.
REDIS_BUDGET_MS = 2_000


def run() -> int:
    """Until SIGTERM."""
    settings = Settings()
    configure_logging(settings.log_level)
    registry = CollectorRegistry()
    engine = open_database(settings, answer_timeout_s=ANSWER_TIMEOUT_S)
    folder = SpoolFolder(settings.spool_dir, settings.log_durability)
    folder.path.mkdir(parents=True, exist_ok=True)
    forget = partial(_forget, settings.redis_url) if settings.redis_url else lambda _: True
    forwarder = Forwarder(settings, folder, None, engine, LogMetrics(registry), forget)
    # Its own engine: a month's roll-up may take longer than the forwarder waits for any answer.
    counting = open_database(settings)
    upkeep = Upkeep(settings, counting, UpkeepMetrics(registry))
    start_http_server(settings.internal_port, settings.host, registry)
    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    forwarder.start()
    upkeep.start()
    stop.wait()
    forwarder.stop(settings.log_drain_s)
    upkeep.stop(settings.log_drain_s)
    engine.dispose()
    counting.dispose()
    return 0


def _forget(redis_url: str, events: Sequence[str]) -> bool:
    """The answers that events were given which came after their erasure; seldom any."""
    try:
        asyncio.run(_forget_answers(redis_url, answers_of(events)))
    except RedisUnavailableError:
        return False
    return True


async def _forget_answers(redis_url: str, answers: Sequence[GivenAnswer]) -> None:
    link = RedisLink(redis_url, REDIS_BUDGET_MS)
    try:
        await AnswerCache(RedisStore(link), 0, 0).forget(answers)
        await Leases(link).forget({given.key for given in answers})
    finally:
        await link.close()
