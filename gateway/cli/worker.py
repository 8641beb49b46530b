"""`shopsight worker`: work that belongs to no request: forwarding what gateways that are gone, and
have no successor, left in their spools; roll-ups, partitions and retention of the log."""

import signal
import threading

from prometheus_client import CollectorRegistry, start_http_server

from contract.logs import configure_logging
from gateway.config import Settings
from gateway.log.database import open_database
from gateway.log.forwarder import ANSWER_TIMEOUT_S, Forwarder
from gateway.log.metrics import LogMetrics
from gateway.log.spool_folder import SpoolFolder
from gateway.log.upkeep import Upkeep, UpkeepMetrics


def run() -> int:
    """Until SIGTERM."""
    settings = Settings()
    configure_logging(settings.log_level)
    registry = CollectorRegistry()
    engine = open_database(settings, answer_timeout_s=ANSWER_TIMEOUT_S)
    folder = SpoolFolder(settings.spool_dir, settings.log_durability)
    folder.path.mkdir(parents=True, exist_ok=True)
    forwarder = Forwarder(settings, folder, None, engine, LogMetrics(registry))
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
