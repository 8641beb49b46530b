"""`python -m gateway`: serve one gateway until SIGTERM, public and internal port in one process."""

import asyncio
import contextlib
import signal
from collections.abc import Iterator

import uvicorn
import uvloop

from contract.logs import configure_logging
from gateway.app import create_app, create_internal_app
from gateway.config import Settings
from gateway.telemetry import Metrics

# Longer than nginx keeps an idle connection (60 s): the side that sends must be the one to close,
# or a question is sent into a closing connection and fails.
KEEP_ALIVE_S = 75


class Server(uvicorn.Server):
    """Two servers share one process: its signals are handled once, below."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(settings: Settings) -> None:
    metrics = Metrics()
    common = {"host": settings.host, "log_config": None, "access_log": False}
    app = create_app(settings, metrics)
    public = uvicorn.Config(
        app,
        port=settings.gateway_port,
        timeout_graceful_shutdown=settings.deadline_ms // 1000,
        timeout_keep_alive=KEEP_ALIVE_S,
        **common,  # type: ignore[arg-type]
    )
    internal = uvicorn.Config(
        create_internal_app(metrics, app),
        port=settings.internal_port,
        **common,  # type: ignore[arg-type]
    )
    servers = [Server(public), Server(internal)]

    def stop() -> None:
        for server in servers:
            server.should_exit = True

    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop)
    await asyncio.gather(*(server.serve() for server in servers))


def main() -> None:
    settings = Settings()
    configure_logging(settings.log_level)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(settings))


if __name__ == "__main__":
    main()
