"""The parts of a running replica, its warm-up and its drain. `app` constructs it."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from PIL import Image

from contract.completion import CompletionRequest, Sampling, Turn
from contract.errors import Overloaded, ReplicaFailed
from contract.pixels.decoder import PhotoDecoder
from contract.wire import Priority
from inference.batching.engine import Engine
from inference.batching.job import Job
from inference.batching.lane import BatchLaneFull
from inference.batching.watch import End, watch
from inference.model.model import Model
from inference.model.unfit import UnfitError
from inference.schema_trials import SchemaTrials
from inference.telemetry import Metrics

# A day, which means none: an 8B model on a slow disk may take minutes.
WARM_UP_DEADLINE_S = 86_400


@dataclass
class Replica:
    model: Model
    engine: Engine
    metrics: Metrics
    schemas: SchemaTrials
    decoder: PhotoDecoder
    deadlines_ms: Mapping[Priority, int]
    """Of questions that come without one."""
    most_preparing: Mapping[Priority, int]
    """Questions on their way to the queue, of each lane."""
    max_step_s: float
    end: End
    """Called when the engine has failed for good: it ends the process."""
    _preparing: Counter[Priority] = field(default_factory=Counter, init=False)
    _warm: bool = field(default=False, init=False)
    _watch: asyncio.Task[None] | None = field(default=None, init=False)

    @property
    def ready(self) -> bool:
        return self._warm and not self.engine.has_failed

    @contextmanager
    def room_to_prepare(self, lane: Priority) -> Iterator[None]:
        """While a question's body and photos are read. Raises Overloaded or BatchLaneFull: no more
        are read than could wait, since they take memory, too."""
        if self._preparing[lane] >= self.most_preparing[lane]:
            raise BatchLaneFull if lane == "batch" else Overloaded
        self._preparing[lane] += 1
        try:
            yield
        finally:
            self._preparing[lane] -= 1

    async def warm_up(self) -> None:
        """Start the engine and answer one question about a blank photo. The first answer is slow,
        since libraries initialise lazily. Then the replica is ready. Raises UnfitError."""
        self.decoder.start()
        await self.schemas.start()
        self.engine.start()
        asked = CompletionRequest((Turn("user", "?"),), None, Sampling(max_tokens=4))
        blank = Image.new("RGB", (256, 256), "white")
        prompt = await asyncio.to_thread(self.model.prompt, asked, blank)
        job = Job(prompt, asked.sampling, time.monotonic() + WARM_UP_DEADLINE_S)
        try:
            async for _ in self.engine.answer(job):
                pass
        except ReplicaFailed as error:
            raise UnfitError(
                "The model computes no numbers: its weights are damaged, or too large for DTYPE."
            ) from error
        await self.decoder.ready()
        self._watch = asyncio.create_task(watch(self.engine, self.max_step_s, self.end))
        self._warm = True

    def begin_drain(self) -> None:
        """Become not ready. Shoppers' questions that are here are answered, and lines in flight.
        Lines that wait are told at once to ask elsewhere: they might wait in vain."""
        self._warm = False
        self.engine.close_lane()

    async def drain(self) -> None:
        """Become not ready, and finish what is in flight."""
        self._warm = False
        if self._watch is not None:
            self._watch.cancel()
        await asyncio.to_thread(self.engine.stop)
        await asyncio.to_thread(self.metrics.close)
        self.schemas.close()
        self.decoder.close()
