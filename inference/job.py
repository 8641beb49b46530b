"""One question on its way through an engine."""

import asyncio
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Literal

from contract.completion import Sampling
from contract.errors import ShopsightError
from contract.response import Delta, Finished
from inference.model.grammar import Grammar
from inference.model.prompts import Prompt

Priority = Literal["interactive", "batch"]
Item = Delta | Finished | ShopsightError


@dataclass(eq=False)
class Job:
    """`deadline` is in time.monotonic seconds. The loop's side reads `items`, the engine's thread
    writes them; `cancelled` goes the other way."""

    prompt: Prompt
    sampling: Sampling
    deadline: float
    priority: Priority = "interactive"
    grammar: Grammar | None = None
    arrived: float = field(default_factory=time.monotonic)
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)
    items: asyncio.Queue[Item] = field(default_factory=asyncio.Queue)
    cancelled: bool = False

    def send(self, item: Item) -> None:
        """From the engine thread to whoever awaits the answer."""
        self.loop.call_soon_threadsafe(self.items.put_nowait, item)

    async def events(self) -> AsyncGenerator[Delta | Finished]:
        """The answer's pieces and its end; raises what went wrong. Leaving cancels the job."""
        ended = False
        try:
            while not ended:
                item = await self.items.get()
                ended = not isinstance(item, Delta)
                if isinstance(item, ShopsightError):
                    raise item
                yield item
        finally:
            self.cancelled = not ended
