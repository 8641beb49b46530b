"""Photos' features, kept by photo: the second question about one skips the vision tower."""

from collections import OrderedDict
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Features:
    """What the tower says of a photo: the visual tokens [v, hidden], and what is added to them in
    the first layers of the language model (DeepStack), each [v, hidden]."""

    tokens: torch.Tensor
    deepstack: tuple[torch.Tensor, ...]

    @property
    def bytes(self) -> int:
        return sum(t.numel() * t.element_size() for t in (self.tokens, *self.deepstack))


class VisionCache:
    """Least recently used out, bounded by bytes. The engine thread's alone."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._entries: OrderedDict[str, Features] = OrderedDict()
        self.bytes = 0
        self._hits = 0
        self._misses = 0

    def get(self, key: str) -> Features | None:
        found = self._entries.get(key)
        if found is None:
            self._misses += 1
            return None
        self._hits += 1
        self._entries.move_to_end(key)
        return found

    def pop_counts(self) -> tuple[int, int]:
        """Hits and misses since the last call."""
        counts, self._hits, self._misses = (self._hits, self._misses), 0, 0
        return counts

    def put(self, key: str, features: Features) -> None:
        if key in self._entries:
            return
        self._entries[key] = features
        self.bytes += features.bytes
        while self.bytes > self._limit:
            _, dropped = self._entries.popitem(last=False)
            self.bytes -= dropped.bytes

    def clear(self) -> None:
        self._entries.clear()
        self.bytes = 0
