"""Runs an engine step by step on a clock of its own: the CPU time that the steps take, and the time
until the next question where there is nothing to do. So what other programs do on the machine does
not count, as far as they leave the processor's caches alone. For a CPU only."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from unittest import mock

from contract.response import Finished
from contract.wire import Priority
from inference.batching.engine import Engine
from inference.batching.job import Item, Job
from loadtest.engine_load import DEADLINE_S, Request


class CpuClock:
    """Seconds: what this thread has computed, and what was skipped."""

    def __init__(self) -> None:
        self._skipped_s = 0.0

    def __call__(self) -> float:
        return time.thread_time() + self._skipped_s

    def skip_to(self, at: float) -> None:
        self._skipped_s += max(at - self(), 0.0)


class _Direct(asyncio.AbstractEventLoop):
    """No loop at all: what the engine sends arrives at once."""

    def call_soon_threadsafe(self, callback: Callable[..., object], *args: object) -> None:  # type: ignore[override]
        callback(*args)


class _Times(asyncio.Queue[Item]):
    """When the pieces of an answer arrive."""

    def __init__(self, clock: CpuClock) -> None:
        super().__init__()
        self._clock = clock
        self.first_at: float | None = None
        self.end: Item | None = None
        self.ended_at = 0.0

    def put_nowait(self, item: Item) -> None:
        now = self._clock()
        self.first_at = self.first_at or now
        if isinstance(item, (Finished, Exception)):
            self.end, self.ended_at = item, now


@dataclass(eq=False)
class Asked:
    """A question on its way. Times are those of the clock."""

    request: Request
    arrived_at: float
    times: _Times

    @property
    def ended(self) -> bool:
        return self.times.end is not None

    @property
    def first_s(self) -> float:
        return (self.times.first_at or self.times.ended_at) - self.arrived_at

    @property
    def total_s(self) -> float:
        return self.times.ended_at - self.arrived_at


@dataclass
class SteppedEngine:
    """`engine` must not be started. `clock` is this one's while `running` lasts."""

    engine: Engine
    clock: CpuClock = field(default_factory=CpuClock)
    _loop: _Direct = field(default_factory=_Direct)

    @contextmanager
    def running(self) -> Iterator[None]:
        with mock.patch.object(time, "monotonic", self.clock):
            yield

    def ask(self, request: Request, arrived_at: float, priority: Priority) -> Asked:
        """Raises Overloaded."""
        times = _Times(self.clock)
        deadline = arrived_at + DEADLINE_S
        prompt, sampling = request.prompt, request.sampling
        when = {"asked_at": arrived_at, "arrived_at": arrived_at}
        job = Job(prompt, sampling, deadline, priority, loop=self._loop, items=times, **when)
        self.engine.submit(job)
        return Asked(request, arrived_at, times)
