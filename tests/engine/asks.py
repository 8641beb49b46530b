"""Questions for an engine, and what becomes of them."""

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

from contract.completion import CompletionRequest, Sampling, Turn
from contract.errors import (
    ShopsightError,
)
from contract.response import Finished
from contract.wire import Priority
from inference.batching.engine import Engine
from inference.batching.job import Job
from inference.model.model import Model
from inference.model.prompts import Prompt
from inference.telemetry import Metrics
from loadtest.serial_engine import SerialEngine
from tests.support.pictures import picture

SLOTS = 5
SCHEMA = json.dumps(
    {
        "type": "object",
        "properties": {
            "kind": {"enum": ["bag", "shoe"]},
            "colours": {
                "type": "array",
                "items": {"type": "string", "maxLength": 8},
                "maxItems": 3,
            },
            "logo": {"type": "boolean"},
        },
        "required": ["kind", "colours", "logo"],
        "additionalProperties": False,
    }
)


@dataclass(frozen=True)
class Ask:
    prompt: Prompt
    sampling: Sampling
    delay_s: float = 0
    leaves_after: int | None = None
    priority: Priority = "interactive"
    deadline_s: float = 120


def ask(model: Model, question: str, photo: int | None = None, **sampling: Any) -> Ask:
    """`photo` is a seed; its size differs with it."""
    asked = CompletionRequest((Turn("user", question),), None, Sampling(**sampling))
    pixels = (
        None if photo is None else picture(160 + 37 * (photo % 5), 120 + 51 * (photo % 4), photo)
    )
    return Ask(model.prompt(asked, pixels, str(photo)), asked.sampling)


def mixed(model: Model, number: int, longest: int = 120, most_tokens: int = 40) -> list[Ask]:
    """Photos of several sizes and several questions about one, text only, prompts of up to
    `longest` words, schemas, sampling with temperature and with penalty, answers of up to
    `most_tokens` tokens; more for a schema.
    The asks of a smaller `number` are the first ones of a larger."""
    choose = random.Random(7)
    asks = []
    for index in range(number):
        extra: dict[str, Any] = {
            0: {},
            1: {"repetition_penalty": 1.3},
            2: {"temperature": 1.2, "seed": index, "top_p": 0.9, "top_k": 40},
            3: {"schema": SCHEMA},
            4: {"stop": ("e",)},
        }[choose.randrange(5)]
        if "schema" not in extra:
            extra["max_tokens"] = choose.randrange(1, most_tokens)
        words = "".join(
            choose.choice("这是什么材质?what ") for _ in range(choose.randrange(1, longest))
        )
        photo = choose.choice([None, 1, 1, 2, 3, 4, 5])
        asks.append(ask(model, words + "?", photo, **extra))
    return asks


@contextmanager
def engine(model: Model, **options: Any) -> Iterator[Engine]:
    settings = {"queue_limit": 1000, "prefill_tokens": 64, **options}
    made = Engine(model, Metrics(), **settings)
    made.start()
    try:
        yield made
    finally:
        made.stop()


Result = tuple[str, str] | type[ShopsightError] | None


async def answered(engine: Engine | SerialEngine, model: Model, asked: Ask) -> Result:
    """Text and finish reason, the kind of error, or None for one who left."""
    await asyncio.sleep(asked.delay_s)
    deadline = time.monotonic() + asked.deadline_s
    grammar = model.grammar(asked.sampling)
    job = Job(asked.prompt, asked.sampling, deadline, asked.priority, grammar)
    texts: list[str] = []
    pieces = engine.answer(job)
    try:
        async for piece in pieces:
            if isinstance(piece, Finished):
                return "".join(texts), piece.reason
            texts.append(piece.text)
            if asked.leaves_after is not None and len(texts) > asked.leaves_after:
                await pieces.aclose()
                return None
    except ShopsightError as error:
        return type(error)
    raise AssertionError("ended without an end")


async def reference(model: Model, asks: Sequence[Ask]) -> list[Result]:
    serial = SerialEngine(model)
    serial.start()
    try:
        return [await answered(serial, model, asked) for asked in asks]
    finally:
        serial.stop()


@asynccontextmanager
async def background(task: Any) -> AsyncIterator[Any]:
    running = asyncio.create_task(task)
    try:
        yield running
    finally:
        running.cancel()
