"""Passes that add one token to each row. Their shapes are rounded up to a few, so that a GPU can
record each once and replay it with one launch. A CPU runs the same code as it is."""

import logging
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from inference.model.forward.attention import Attention, Batch, batch_mask
from inference.model.forward.language import Language
from inference.model.forward.slots import SlotCache
from inference.model.tensors import OutOfMemory

log = logging.getLogger(__name__)

# Filling up costs a GPU little: a pass takes about as long for 8 rows as for 5.
LEAST_KEYS = 256
Run = Callable[[], torch.Tensor]


@dataclass(frozen=True)
class Buckets:
    """The numbers of rows and of keys that passes are rounded up to, in ascending order."""

    rows: Sequence[int]
    keys: Sequence[int]

    def of(self, rows: int, keys: int) -> tuple[int, int]:
        return (
            self.rows[bisect_left(self.rows, rows)],
            self.keys[bisect_left(self.keys, keys)],
        )

    @classmethod
    def exact(cls, slots: int, capacity: int) -> "Buckets":
        return cls(range(1, slots + 1), range(1, capacity + 1))

    @classmethod
    def doubling(cls, slots: int, capacity: int) -> "Buckets":
        return cls(_doubled(1, slots), _doubled(LEAST_KEYS, capacity))


def _doubled(least: int, most: int) -> list[int]:
    sizes = []
    while least < most:
        sizes.append(least)
        least *= 2
    return [*sizes, most]


class Decoder:
    """`record`: makes of a pass one that can be repeated, with whatever its inputs then hold. None:
    passes run as they are."""

    def __init__(
        self,
        language: Language,
        head: Any,
        cache: SlotCache,
        buckets: Buckets,
        record: Callable[[Run], Run] | None,
    ) -> None:
        self._language = language
        self._head = head
        self._cache = cache
        self._buckets = buckets
        self._record = record
        self._recorded: dict[tuple[int, int], tuple[torch.Tensor, Run]] = {}
        self._slots = torch.arange(cache.slots).to(cache.states.device)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """`inputs` [3, rows], on the CPU: of the rows in the first slots the token, how many are in
        the cache, and the position. Returns the logits: float32 [rows, vocabulary], which the next
        pass overwrites."""
        count = inputs.shape[1]
        rows, keys = self._buckets.of(count, int(inputs[1].max()) + 1)
        filled = self._filling(rows)
        filled[:, :count] = inputs
        if self._record is not None:
            self._record_once(rows, keys)
        if (rows, keys) in self._recorded:
            on_device, replay = self._recorded[rows, keys]
            on_device.copy_(self._pinned(filled), non_blocking=True)
            return replay()[:count]
        on_device = self._pinned(filled).to(self._slots.device, non_blocking=True)
        return self._pass(on_device, keys)[:count]

    def record_all(self) -> int:
        """Before the first question, because each recording takes a while. Returns how many there
        are."""
        for rows in self._buckets.rows if self._record is not None else ():
            for keys in self._buckets.keys:
                self._record_once(rows, keys)
        return len(self._recorded)

    def _filling(self, rows: int) -> torch.Tensor:
        """Inputs of rows that are none: they write to the column that nobody reads."""
        filled = torch.zeros(3, rows, dtype=torch.long)
        filled[1] = self._cache.capacity
        return filled

    def _record_once(self, rows: int, keys: int) -> None:
        if self._record is None or (rows, keys) in self._recorded:
            return
        inputs = self._filling(rows).to(self._slots.device)
        try:
            replay = self._record(lambda: self._pass(inputs, keys))
        except OutOfMemory:
            raise
        except Exception:  # slower, but no less right
            log.exception("passes cannot be recorded on this device, and run as they are")
            self._record = None
            return
        self._recorded[rows, keys] = (inputs, replay)

    def _pass(self, inputs: torch.Tensor, keys: int) -> torch.Tensor:
        """All of it is on the device, and nothing waits for it."""
        ids, columns, positions = inputs
        mask = batch_mask(columns, keys, self._cache.states.dtype)
        slots = self._slots[: len(ids)]
        attention = Attention(self._cache, slots, columns, Batch(0, len(ids), mask))
        hidden = self._language.forward(ids, positions.expand(3, -1), attention)
        logits: torch.Tensor = self._head(self._language.norm(hidden)).float()
        return logits

    def _pinned(self, tensor: torch.Tensor) -> torch.Tensor:
        return tensor.pin_memory() if self._slots.is_cuda else tensor


class CudaGraphs:
    """`record` of a Decoder. All graphs share their memory: one at a time is replayed, and what it
    returns is used before the next one is. The only code here that needs a GPU to run."""

    def __init__(self) -> None:
        self._pool = torch.cuda.graph_pool_handle()

    def __call__(self, run: Run) -> Run:
        aside = torch.cuda.Stream()
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            run()  # libraries allocate their workspaces at the first run, which no graph may hold
        torch.cuda.current_stream().wait_stream(aside)
        graph = torch.cuda.CUDAGraph()
        # Other threads may use the device meanwhile, to pin memory.
        with torch.cuda.graph(graph, pool=self._pool, capture_error_mode="thread_local"):
            logits = run()

        def replay() -> torch.Tensor:
            graph.replay()
            return logits

        return replay
