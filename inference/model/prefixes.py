"""Keys and values of prompts that were read: the next question about the same photo reads only what
differs. Kept apart by tenant, like the vision cache."""

import logging
from collections import OrderedDict
from dataclasses import dataclass

import torch

from inference.model.forward.slots import SlotCache
from inference.model.prompts import Prompt
from inference.model.tensors import OutOfMemory

log = logging.getLogger(__name__)

# Less than this is not worth a copy.
LEAST_TOKENS = 16


@dataclass(frozen=True)
class ReadPrompt:
    """`states` [layers, 2, kv_heads, tokens, head_dim]: of each token of `ids`."""

    ids: list[int]
    states: torch.Tensor

    @property
    def bytes(self) -> int:
        return int(self.states.numel() * self.states.element_size())

    def common(self, ids: list[int]) -> int:
        """How many tokens the two begin with alike."""
        pairs = zip(self.ids, ids, strict=False)
        differs = (index for index, (own, other) in enumerate(pairs) if own != other)
        return next(differs, min(len(self.ids), len(ids)))


class PrefixCache:
    """One prompt for each key: equal keys mean an equal tenant and an equal photo. Evicts the least
    recently used ones beyond `limit_bytes`. Not thread-safe."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._entries: OrderedDict[str, ReadPrompt] = OrderedDict()
        self.bytes = 0

    def load(self, prompt: Prompt, cache: SlotCache, row: int) -> int:
        """Put what is known of the prompt into an empty row of the KV cache. Returns how many
        tokens that are: never all, since the last one's logits are wanted."""
        known = self._entries.get(prompt.prefix_key)
        tokens = 0 if known is None else min(known.common(prompt.ids), len(prompt.ids) - 1)
        if known is None or tokens < LEAST_TOKENS:
            return 0
        self._entries.move_to_end(prompt.prefix_key)
        cache.write(row, known.states[:, :, :, :tokens])
        return tokens

    def keep(self, prompt: Prompt, cache: SlotCache, row: int) -> None:
        """The row has read the prompt. It takes the place of the one before it only if it goes on
        where that ended, or has nothing in common with it. Without memory nothing is kept."""
        if not prompt.prefix_key:
            return
        known = self._entries.get(prompt.prefix_key)
        if known is not None:
            common = known.common(prompt.ids)
            if LEAST_TOKENS <= common < len(known.ids) or common == len(prompt.ids):
                return
        size = cache.bytes_per_token * len(prompt.ids)
        if size > self._limit:
            return
        self.drop(prompt.prefix_key)
        while self.bytes + size > self._limit:
            self.drop(next(iter(self._entries)))
        try:
            entry = ReadPrompt(prompt.ids, cache.read(row, len(prompt.ids)))
        except OutOfMemory:  # what is kept can be read again, what is in flight needs the memory
            log.warning("out of memory while a prompt was kept")
            self.clear()
            return
        self._entries[prompt.prefix_key] = entry
        self.bytes += entry.bytes

    def drop(self, key: str) -> None:
        dropped = self._entries.pop(key, None)
        if dropped is not None:
            self.bytes -= dropped.bytes

    def clear(self) -> None:
        self._entries.clear()
        self.bytes = 0
