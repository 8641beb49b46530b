"""Load for an engine: random questions, three ways of serving them, and the figures of a run."""

import asyncio
import random
import time
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Any

import torch
from PIL import Image

from contract.completion import CompletionRequest, Sampling, Turn
from contract.response import Delta, Finished, Usage
from inference.batching.engine import Engine
from inference.batching.job import Job
from inference.model.model import Model
from inference.model.prompts import Prompt
from inference.telemetry import Metrics
from loadtest.serial_engine import SerialEngine

SLOTS = 16
DEADLINE_S = 3600.0
# How long collect-then-generate waits for more questions: usual for such micro-batching.
COLLECT_S = 0.05


@dataclass(frozen=True)
class Request:
    prompt: Prompt
    sampling: Sampling
    arrives_s: float = 0.0


@dataclass(frozen=True)
class Outcome:
    text: str
    tokens: int
    first_s: float
    total_s: float


class CollectEngine:
    """Collects questions for COLLECT_S, then runs one left-padded `generate` for all of them."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._waiting: asyncio.Queue[Job] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    def stop(self) -> None:
        assert self._task is not None
        self._task.cancel()

    async def answer(self, job: Job) -> AsyncGenerator[Delta | Finished]:
        self._waiting.put_nowait(job)
        async for piece in job.pieces():
            yield piece

    async def _run(self) -> None:
        while True:
            jobs = [await self._waiting.get()]
            await asyncio.sleep(COLLECT_S)
            while not self._waiting.empty() and len(jobs) < SLOTS:
                jobs.append(self._waiting.get_nowait())
            await asyncio.to_thread(self._generate, jobs)

    @torch.inference_mode()  # type: ignore[untyped-decorator]
    def _generate(self, jobs: list[Job]) -> None:
        module = self._model._module
        width = max(len(job.prompt.ids) for job in jobs)
        ids = torch.zeros(len(jobs), width, dtype=torch.long)
        attention = torch.zeros_like(ids)
        token_types = torch.zeros_like(ids, dtype=torch.int)
        photos = []
        for row, job in enumerate(jobs):
            pad = width - len(job.prompt.ids)
            ids[row, pad:] = torch.tensor(job.prompt.ids)
            attention[row, pad:] = 1
            for photo in job.prompt.photos:
                token_types[row, pad + photo.start : pad + photo.start + photo.tokens] = 1
                photos.append(photo)
        inputs: dict[str, Any] = {"input_ids": ids, "attention_mask": attention}
        inputs["mm_token_type_ids"] = token_types
        if photos:
            inputs["pixel_values"] = torch.cat([photo.patches for photo in photos])
            inputs["image_grid_thw"] = torch.cat([photo.grid for photo in photos])
        max_tokens = max(job.sampling.max_tokens for job in jobs)
        config = self._model._generation_config(Sampling(max_tokens=max_tokens))
        generated = module.generate(**inputs, generation_config=config)[:, width:].tolist()
        for job, tokens in zip(jobs, generated, strict=True):
            own = tokens[: job.sampling.max_tokens]
            text = b"".join(map(self._model.bytes_of, own)).decode("utf-8", "replace")
            job.send(Delta(text))
            job.send(Finished("length", Usage(len(job.prompt.ids), len(own))))


def requests(
    model: Model, number: int, seed: int, side: int = 192, most_tokens: int = 64
) -> list[Request]:
    """Questions that all arrive at once, seven of ten with a photo; answers of 8 to `most_tokens`
    tokens."""
    choose = random.Random(seed)
    made = []
    for index in range(number):
        words = "".join(choose.choice("这是什么材质的包?whom would it suit ") for _ in range(24))
        sampling = Sampling(max_tokens=choose.randrange(8, most_tokens + 1))
        asked = CompletionRequest((Turn("user", words),), None, sampling)
        photo = None
        if choose.random() < 0.7:
            photo = Image.effect_noise((side, side), 60).convert("RGB")
        made.append(Request(model.prompt(asked, photo, f"{seed}-{index}"), sampling))
    return made


def with_poisson_arrivals(load: Sequence[Request], per_s: float, seed: int) -> list[Request]:
    """The same requests at random times, `per_s` a second on average."""
    choose = random.Random(seed)
    at = 0.0
    out = []
    for request in load:
        at += choose.expovariate(per_s)
        out.append(Request(request.prompt, request.sampling, at))
    return out


async def ask(engine: Any, request: Request, started_at: float) -> Outcome:
    """Send the request at its time after `started_at`. `first_s` and `total_s` count from then."""
    await asyncio.sleep(started_at + request.arrives_s - time.monotonic())
    arrived_at = time.monotonic()
    job = Job(request.prompt, request.sampling, arrived_at + DEADLINE_S)
    texts: list[str] = []
    first_s = 0.0
    async for piece in engine.answer(job):
        if isinstance(piece, Delta):
            first_s = first_s or time.monotonic() - arrived_at
            texts.append(piece.text)
        else:
            total_s = time.monotonic() - arrived_at
            tokens = piece.usage.completion_tokens
            return Outcome("".join(texts), tokens, first_s or total_s, total_s)
    raise AssertionError("no end")


async def ask_alone(model: Model, request: Request) -> tuple[Outcome, int]:
    """One request in an engine of its own; what is known of photos and prompts is as the last one
    left it. The second is how many prompt tokens were read."""
    step = model.plan.needs.prefill_tokens
    metrics = Metrics()
    engine = Engine(model, metrics, queue_limit=10, prefill_tokens=step)
    engine.start()
    outcome = await ask(engine, request, time.monotonic())
    engine.stop()
    read = metrics.registry.get_sample_value("inference_tokens_total", {"kind": "prompt"})
    return outcome, int(read or 0)


@dataclass(frozen=True)
class EngineFigures:
    tokens_per_s: float
    mean_s: float
    p95_s: float
    ttft_s: float
    outcomes: list[Outcome]


async def run(model: Model, kind: str, load: Sequence[Request]) -> EngineFigures:
    """Serve the load in one way (`naive`, `collect` or `in-flight`), starting with empty caches."""
    model.network.vision.clear()
    model.network.prefixes.clear()
    model.network.reset()
    engine: Any
    if kind == "naive":
        engine = SerialEngine(model)
    elif kind == "collect":
        engine = CollectEngine(model)
    else:
        engine = Engine(model, Metrics(), queue_limit=10_000, prefill_tokens=512)
    engine.start()
    started_at = time.monotonic()
    outcomes = list(await asyncio.gather(*(ask(engine, r, started_at) for r in load)))
    took_s = time.monotonic() - started_at
    engine.stop()
    totals = sorted(outcome.total_s for outcome in outcomes)
    return EngineFigures(
        sum(outcome.tokens for outcome in outcomes) / took_s,
        mean(totals),
        totals[int(0.95 * (len(totals) - 1))],
        mean(outcome.first_s for outcome in outcomes),
        outcomes,
    )
