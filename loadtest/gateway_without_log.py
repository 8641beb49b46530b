"""The gateway with a log that records nothing, for `make bench-log`. It keeps the metrics and the
log line for ops, so that the difference is the behaviour log alone."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import gateway.composition
from gateway.__main__ import main
from gateway.log.interaction import Interaction
from gateway.log.request_metrics import RequestMetrics


class NoRecorder:
    available = True

    def __init__(self, spool: Any, forwarder: Any, metrics: RequestMetrics, *_: Any) -> None:
        self._metrics = metrics

    def start(self) -> None:
        pass

    async def close(self) -> None:
        pass

    @asynccontextmanager
    async def recorded(self, interaction: Interaction) -> AsyncIterator[None]:
        self._metrics.in_flight.inc()
        try:
            yield
            interaction.outcome = "answered"
        finally:
            self._metrics.finished(interaction)


if __name__ == "__main__":
    gateway.composition.Recorder = NoRecorder  # type: ignore[assignment,misc]
    main(forwarder_apart=False)
