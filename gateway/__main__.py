"""`python -m gateway`: serves one gateway until SIGTERM, on its public and its internal port."""

import asyncio
import signal

import uvloop
from prometheus_client import CollectorRegistry

from contract.process.logs import configure_logging
from contract.process.memory import limit_mmap_threshold
from gateway.api.server import make_server
from gateway.app import create_app, create_internal_app
from gateway.config import Settings


async def serve(settings: Settings) -> None:
    registry = CollectorRegistry()
    drain_s = settings.deadline_ms // 1000
    app = create_app(settings, registry)
    public = make_server(app, settings.host, settings.gateway_port, drain_s)
    internal_app = create_internal_app(registry, app.state)
    internal = make_server(internal_app, settings.host, settings.internal_port, 1)
    servers = [public, internal]

    def stop() -> None:
        for each in servers:
            each.should_exit = True

    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop)
    await asyncio.gather(*(each.serve() for each in servers))


def main() -> None:
    settings = Settings()
    limit_mmap_threshold()
    configure_logging(settings.log_level)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(settings))


if __name__ == "__main__":
    main()
