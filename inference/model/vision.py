"""Cache of photos' features: the second question about a photo skips the vision tower."""

from collections import OrderedDict
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Features:
    """The tower's output for a photo: the visual tokens [v, hidden], and the DeepStack features
    that the first layers of the language model add to them, each [v, hidden]."""

    tokens: torch.Tensor
    deepstack: tuple[torch.Tensor, ...]

    @property
    def bytes(self) -> int:
        return sum(t.numel() * t.element_size() for t in (self.tokens, *self.deepstack))


class VisionCache:
    """Evicts the least recently used features beyond `limit_bytes`, but never the last ones that
    were used: a prompt may be read in several passes, and of one prompt at a time. Otherwise each
    pass would look at the photo anew. Not thread-safe."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._entries: OrderedDict[str, Features] = OrderedDict()
        self.bytes = 0
        self._hits = 0
        self._misses = 0

    def get(self, key: str) -> Features | None:
        features = self._entries.get(key)
        if features is None:
            self._misses += 1
            return None
        self._hits += 1
        self._entries.move_to_end(key)
        return features

    def pop_counts(self) -> tuple[int, int]:
        """Hits and misses since the last call."""
        counts, self._hits, self._misses = (self._hits, self._misses), 0, 0
        return counts

    def put(self, key: str, features: Features) -> None:
        if key in self._entries:
            return
        self._entries[key] = features
        self.bytes += features.bytes
        while self.bytes > self._limit and len(self._entries) > 1:
            _, dropped = self._entries.popitem(last=False)
            self.bytes -= dropped.bytes

    def drop(self, key: str) -> None:
        dropped = self._entries.pop(key, None)
        if dropped is not None:
            self.bytes -= dropped.bytes

    def clear(self) -> None:
        self._entries.clear()
        self.bytes = 0
