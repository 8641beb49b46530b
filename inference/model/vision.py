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
    """Evicts the least recently used features beyond `limit_bytes`, but never those `in_use`: a
    prompt may be read in several passes, and each would look at the photo anew. Nor the last ones
    that were put there. Not thread-safe."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._entries: OrderedDict[str, Features] = OrderedDict()
        self.in_use: set[str] = set()
        self.bytes = 0
        self._fresh: set[str] = set()
        self._hits = 0
        self._misses = 0

    def __contains__(self, key: str) -> bool:
        return key in self._entries

    def get(self, key: str, *, goes_on: bool = False) -> Features | None:
        """`goes_on`: a prompt that is read in parts has had them before, which counts once."""
        features = self._entries.get(key)
        if features is None:
            return None
        if key in self._fresh:  # they were put there for this
            self._fresh.remove(key)
        elif not goes_on:
            self._hits += 1
        self._entries.move_to_end(key)
        return features

    def pop_counts(self) -> tuple[int, int]:
        """Since the last call: how often features were known, and how often not."""
        counts, self._hits, self._misses = (self._hits, self._misses), 0, 0
        return counts

    def put(self, key: str, features: Features) -> None:
        if key in self._entries:
            return
        self._misses += 1
        self._fresh.add(key)
        self._entries[key] = features
        self.bytes += features.bytes
        for old in list(self._entries)[:-1]:
            if self.bytes > self._limit and old not in self.in_use:
                self.drop(old)

    def drop(self, key: str) -> None:
        dropped = self._entries.pop(key, None)
        self._fresh.discard(key)
        if dropped is not None:
            self.bytes -= dropped.bytes

    def clear(self) -> None:
        self._entries.clear()
        self._fresh.clear()
        self.bytes = 0
