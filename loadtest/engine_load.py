"""Questions for an engine as they arrive, three ways of serving them, and the figures of a run."""

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
from inference.engine import Engine
from inference.job import Job
from inference.model.model import Model
from inference.model.prompts import Prompt
from inference.serial import SerialEngine
from inference.telemetry import Metrics

SLOTS = 16
DEADLINE_S = 3600.0
# How long collect-then-generate waits for company: the usual figure of such micro-batchers.
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
    """Waits a moment, then one left-padded `generate` for all who came; the next wait for it."""

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
        seen = torch.zeros_like(ids)
        kinds = torch.zeros_like(ids, dtype=torch.int)
        photos = []
        for row, job in enumerate(jobs):
            pad = width - len(job.prompt.ids)
            ids[row, pad:] = torch.tensor(job.prompt.ids)
            seen[row, pad:] = 1
            if (photo := job.prompt.photo) is not None:
                kinds[row, pad + photo.start : pad + photo.start + photo.tokens] = 1
                photos.append(photo)
        inputs: dict[str, Any] = {"input_ids": ids, "attention_mask": seen}
        inputs["mm_token_type_ids"] = kinds
        if photos:
            inputs["pixel_values"] = torch.cat([photo.patches for photo in photos])
            inputs["image_grid_thw"] = torch.cat([photo.grid for photo in photos])
        most = max(job.sampling.max_tokens for job in jobs)
        config = self._model._generation_config(Sampling(max_tokens=most))
        made = module.generate(**inputs, generation_config=config)[:, width:].tolist()
        for job, tokens in zip(jobs, made, strict=True):
            own = tokens[: job.sampling.max_tokens]
            text = b"".join(map(self._model.bytes_of, own)).decode("utf-8", "replace")
            job.send(Delta(text))
            job.send(Finished("length", Usage(len(job.prompt.ids), len(own))))


def requests(model: Model, number: int, seed: int, side: int = 192) -> list[Request]:
    """Seven of ten with a photo, 8 to 64 tokens of answer; Poisson arrivals are set later."""
    choose = random.Random(seed)
    made = []
    for index in range(number):
        words = "".join(choose.choice("这是什么材质的包?whom would it suit ") for _ in range(24))
        sampling = Sampling(max_tokens=choose.randrange(8, 65))
        asked = CompletionRequest((Turn("user", words),), None, sampling)
        photo = None
        if choose.random() < 0.7:
            photo = Image.effect_noise((side, side), 60).convert("RGB")
        made.append(Request(model.prompt(asked, photo, f"{seed}-{index}"), sampling))
    return made


def arriving(made: Sequence[Request], per_s: float, seed: int) -> list[Request]:
    choose = random.Random(seed)
    at = 0.0
    out = []
    for request in made:
        at += choose.expovariate(per_s)
        out.append(Request(request.prompt, request.sampling, at))
    return out


async def served(engine: Any, request: Request, begun: float) -> Outcome:
    await asyncio.sleep(begun + request.arrives_s - time.monotonic())
    came = time.monotonic()
    job = Job(request.prompt, request.sampling, came + DEADLINE_S)
    texts: list[str] = []
    first_s = 0.0
    async for event in engine.answer(job):
        if isinstance(event, Delta):
            first_s = first_s or time.monotonic() - came
            texts.append(event.text)
        else:
            total_s = time.monotonic() - came
            tokens = event.usage.completion_tokens
            return Outcome("".join(texts), tokens, first_s or total_s, total_s)
    raise AssertionError("no end")


@dataclass(frozen=True)
class Figures:
    tokens_per_s: float
    mean_s: float
    p95_s: float
    ttft_s: float
    outcomes: list[Outcome]


async def run(model: Model, kind: str, load: Sequence[Request]) -> Figures:
    """One way of serving, with empty caches."""
    model.network.vision.clear()
    model.network.reset()
    engine: Any
    if kind == "naive":
        engine = SerialEngine(model)
    elif kind == "collect":
        engine = CollectEngine(model)
    else:
        engine = Engine(model, Metrics(), queue_limit=10_000, prefill_tokens=512)
    engine.start()
    begun = time.monotonic()
    outcomes = list(await asyncio.gather(*(served(engine, r, begun) for r in load)))
    spent = time.monotonic() - begun
    engine.stop()
    totals = sorted(outcome.total_s for outcome in outcomes)
    return Figures(
        sum(outcome.tokens for outcome in outcomes) / spent,
        mean(totals),
        totals[int(0.95 * (len(totals) - 1))],
        mean(outcome.first_s for outcome in outcomes),
        outcomes,
    )
