"""What a running replica consists of, and its life: load, warm, answer, drain."""

import asyncio
import logging
import time
from dataclasses import dataclass, field

from PIL import Image

from contract.completion import Completion, Sampling, Turn
from inference.config import Settings
from inference.engine import Engine
from inference.gpu import watch_gpus
from inference.job import Job
from inference.model.model import Model
from inference.telemetry import Metrics

log = logging.getLogger(__name__)

# A day: warming up an 8B model on a slow disk has no deadline of its own.
WARM_UP_DEADLINE_S = 86_400


@dataclass
class Replica:
    settings: Settings
    model: Model
    engine: Engine
    metrics: Metrics
    ready: bool = field(default=False)

    @classmethod
    def load(cls, settings: Settings) -> "Replica":
        started = time.monotonic()
        metrics = Metrics()
        watch_gpus(metrics.registry)
        model = Model(settings)
        fields = {
            **vars(model.facts),
            "slots": settings.slots,
            "kv_cache_bytes": model.network.cache.bytes,
            "seconds": round(time.monotonic() - started, 1),
        }
        log.info("model loaded", extra={"fields": fields})
        engine = Engine(
            model,
            metrics,
            queue_limit=settings.queue_limit,
            prefill_tokens=settings.prefill_tokens,
        )
        return cls(settings, model, engine, metrics)

    async def warm(self) -> None:
        """One short answer about a blank photo: the first one pays for lazy set-up."""
        self.engine.start()
        asked = Completion((Turn("user", "?"),), None, Sampling(max_tokens=4))
        blank = Image.new("RGB", (256, 256), "white")
        prompt = await asyncio.to_thread(self.model.prompt, asked, blank)
        job = Job(prompt, asked.sampling, time.monotonic() + WARM_UP_DEADLINE_S)
        async for _ in self.engine.answer(job):
            pass
        self.ready = True

    async def drain(self) -> None:
        self.ready = False
        await asyncio.to_thread(self.engine.stop)
