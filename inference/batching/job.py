"""One question in an engine, and the way of its answer back to the event loop."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

from contract.completion import Sampling
from contract.errors import DeadlineExceeded, InternalError, ShopsightError
from contract.response import Delta, Finished
from contract.wire import Priority
from inference.model.choosing.grammar import Grammar
from inference.model.prompts import Prompt

log = logging.getLogger(__name__)

Item = Delta | Finished | ShopsightError


@dataclass(eq=False)
class Job:
    """`deadline` in time.monotonic seconds. The engine thread writes `items`, and the event loop
    reads them. The event loop sets `cancelled`, and the engine thread reads it."""

    prompt: Prompt
    sampling: Sampling
    deadline: float
    priority: Priority = "interactive"
    grammar: Grammar | None = None
    request_id: str = ""
    """Of the gateway, for traces and the log."""
    asked_at: float = field(default_factory=time.monotonic)
    """When the request came, before its body was read."""
    arrived_at: float = field(default_factory=time.monotonic)
    """When it was ready for the engine's queue."""
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)
    items: asyncio.Queue[Item] = field(default_factory=asyncio.Queue)
    cancelled: bool = False
    began_at: float | None = None
    """When the engine took it out of the queue."""

    def send(self, item: Item) -> None:
        """Called on the engine thread; `item` reaches the reader of `pieces`."""
        with contextlib.suppress(RuntimeError):  # the loop has ended, and with it the reader
            self.loop.call_soon_threadsafe(self.items.put_nowait, item)

    async def pieces(self) -> AsyncGenerator[Delta | Finished]:
        """The pieces of the answer. Raises the error that the engine sent, and DeadlineExceeded
        even if the engine hangs. Closing the iterator early cancels the job."""
        ended = False
        left_s = self.deadline - time.monotonic()
        timer = self.loop.call_later(left_s, self.items.put_nowait, DeadlineExceeded())
        try:
            while not ended:
                item = await self.items.get()
                ended = not isinstance(item, Delta)
                if isinstance(item, ShopsightError):
                    raise item
                yield item
        finally:
            timer.cancel()
            self.cancelled = not ended


def named(error: Exception, job: Job) -> ShopsightError:
    """As the asker is told it. What has no name is a fault of ours, and is logged."""
    if isinstance(error, ShopsightError):
        return error
    fields = {"request_id": job.request_id}
    log.error("choosing a token failed", exc_info=error, extra={"fields": fields})
    return InternalError()
