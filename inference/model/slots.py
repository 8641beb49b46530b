"""The KV cache: one slot for each question in flight, allocated once, rows of any length."""

from typing import Any

import torch


class SlotCache:
    """Keys and values [slots, kv_heads, capacity, head_dim] for every layer. Rows 0…n-1 are in use;
    each forward pass names the rows it writes to. Stands in for transformers' Cache, of which the
    layers use only `update`."""

    def __init__(self, config: Any, slots: int, capacity: int, dtype: Any, device: Any) -> None:
        shape = (slots, config.num_key_value_heads, capacity, config.head_dim)
        # Zeros, not empty: a masked key still is multiplied, and garbage × 0 can be NaN.
        self._keys = [
            torch.zeros(shape, dtype=dtype, device=device) for _ in range(config.num_hidden_layers)
        ]
        self._values = [torch.zeros_like(keys) for keys in self._keys]
        self.slots = slots
        self.capacity = capacity
        self._rows = slice(0)
        self._starts = torch.empty(0)
        self._index = torch.empty(0)
        self._span = 0

    @property
    def bytes(self) -> int:
        keys = self._keys[0]
        total: int = 2 * len(self._keys) * keys.numel() * keys.element_size()
        return total

    def begin_pass(self, first: int, starts: list[int], width: int) -> None:
        """The next pass extends rows `first`… by `width` tokens each, from these lengths on."""
        device = self._keys[0].device
        self._rows = slice(first, first + len(starts))
        self._span = max(starts) + width
        self._starts = torch.tensor(starts, device=device)
        self._index = torch.arange(first, first + len(starts), device=device)

    def update(
        self, keys: torch.Tensor, values: torch.Tensor, layer: int, *_: Any, **__: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Write [rows, kv_heads, width, head_dim]; give back the rows up to the longest."""
        width = keys.shape[2]
        for store, new in ((self._keys[layer], keys), (self._values[layer], values)):
            if width == 1:
                store[self._index, :, self._starts] = new[:, :, 0]
            else:  # a prefill's rows begin at the same length
                start = self._span - width
                store[self._rows, :, start : self._span] = new
        rows = self._rows, slice(None), slice(self._span)
        return self._keys[layer][rows], self._values[layer][rows]

    def move(self, source: int, target: int, length: int) -> None:
        """Row `source` takes the place of `target`: how a hole is filled."""
        for store in (*self._keys, *self._values):
            store[target, :, :length] = store[source, :, :length]

    def get_seq_length(self, *_: Any) -> int:
        return self._span
