"""The KV cache: allocated once, with one slot for each question in flight."""

from typing import Any

import torch


class SlotCache:
    """Keys and values [slots, kv_heads, capacity, head_dim] of every layer. The rows in use are the
    first ones, and `begin_pass` names those that a pass writes to. It replaces transformers' Cache,
    of which the model only calls `update` and `get_seq_length`."""

    def __init__(self, config: Any, slots: int, capacity: int, dtype: Any, device: Any) -> None:
        shape = (slots, config.num_key_value_heads, capacity, config.head_dim)
        # Zeros instead of empty: masked keys are multiplied too, and garbage × 0 can be NaN.
        self._keys = [
            torch.zeros(shape, dtype=dtype, device=device) for _ in range(config.num_hidden_layers)
        ]
        self._values = [torch.zeros_like(keys) for keys in self._keys]
        self.slots = slots
        self.capacity = capacity
        self._rows = slice(0)
        self._start: int | None = None
        self._index = self._columns = torch.empty(0)
        self._kv_length = 0

    @property
    def bytes(self) -> int:
        return self.bytes_per_token * self.slots * self.capacity

    @property
    def bytes_per_token(self) -> int:
        keys = self._keys[0]
        size: int = 2 * len(self._keys) * keys.shape[1] * keys.shape[3] * keys.element_size()
        return size

    def zero(self) -> None:
        """In place: beside the old one there may be no room for a new one."""
        for store in (*self._keys, *self._values):
            store.zero_()

    def clear(self, row: int) -> None:
        """Forget all that the row's slot has ever held."""
        for store in (*self._keys, *self._values):
            store[row].zero_()

    def read(self, row: int, length: int) -> torch.Tensor:
        """A copy of the row's first tokens [2 × layers, kv_heads, length, head_dim]."""
        stores = (*self._keys, *self._values)
        return torch.stack([store[row, :, :length] for store in stores])

    def write(self, row: int, states: torch.Tensor) -> None:
        """What `read` has returned, as the row's first tokens."""
        for store, state in zip((*self._keys, *self._values), states, strict=True):
            store[row, :, : state.shape[1]] = state

    def begin_pass(self, first: int, starts: list[int], width: int) -> None:
        """The next pass adds `width` tokens to each row from `first` on; `starts` are their
        lengths. No row may become longer than the capacity, filling included."""
        device = self._keys[0].device
        self._rows = slice(first, first + len(starts))
        self._kv_length = max(starts) + width
        self._start = starts[0] if len(set(starts)) == 1 else None
        self._index = torch.arange(first, first + len(starts), device=device)[:, None]
        self._columns = torch.tensor(starts, device=device)[:, None]
        if width > 1:
            self._columns = self._columns + torch.arange(width, device=device)

    def update(
        self, keys: torch.Tensor, values: torch.Tensor, layer: int, *_: Any, **__: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Write [rows, kv_heads, width, head_dim]. Returns the rows of the pass, up to the length
        of the longest."""
        for store, new in ((self._keys[layer], keys), (self._values[layer], values)):
            if self._start is not None:
                store[self._rows, :, self._start : self._kv_length] = new
            else:
                store[self._index, :, self._columns] = new.transpose(1, 2)
        rows = self._rows, slice(None), slice(self._kv_length)
        return self._keys[layer][rows], self._values[layer][rows]

    def move(self, source: int, target: int, length: int) -> None:
        """Copy the first `length` tokens of row `source` to row `target`."""
        for store in (*self._keys, *self._values):
            store[target, :, :length] = store[source, :, :length]

    def get_seq_length(self, *_: Any) -> int:
        return self._kv_length
