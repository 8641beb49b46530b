"""`python -m inference`: serves one replica until SIGTERM."""

import math
import os
import socket
from contextlib import suppress
from types import FrameType

import uvicorn
from fastapi import FastAPI

from contract.http_protocol import HttpProtocol
from contract.process.logs import configure_logging
from contract.process.wrong_settings import told_in_a_sentence
from inference.app import create_app
from inference.config import Settings


class Server(uvicorn.Server):
    """Tells the replica when it is to end. uvicorn does so when all answers are out."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if not self.started:
            # uvicorn would wait for the weights, which load for longer than a container has to
            # stop. Nobody has asked anything yet, and helpers leave by themselves.
            os._exit(128 + sig)
        super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self.config.app.state.replica.begin_drain()  # type: ignore[union-attr]
        await super().shutdown(sockets)


def make_server(app: FastAPI, settings: Settings, drain_s: int | None = None) -> Server:
    """`drain_s`: what is in flight at the end may take so long, by default as any answer."""
    if drain_s is None:
        drain_s = math.ceil(settings.default_deadline_ms / 1000)
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.inference_port,
        http=HttpProtocol,
        ws="none",
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=drain_s,
    )
    return Server(config)


def main() -> None:
    with told_in_a_sentence():
        settings = Settings()
    configure_logging(settings.log_level)
    app = create_app(settings)
    try:
        with suppress(KeyboardInterrupt):
            make_server(app, settings).run()
    except SystemExit as ended:
        # A sentence, as the last line: that one is shown by who started the process.
        raise SystemExit(getattr(app.state, "unfit", ended.code)) from None


if __name__ == "__main__":
    main()
