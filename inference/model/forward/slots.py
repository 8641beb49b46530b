"""The KV cache: one tensor, allocated once, with one slot for each question in flight."""

from typing import Any

import torch


class SlotCache:
    """`states` [layers, 2, slots, kv_heads, capacity + 1, head_dim]: keys, then values. Whatever
    concerns a whole row is one copy. The last column is written by rows that only fill a batch up,
    and never read."""

    def __init__(self, config: Any, slots: int, capacity: int, dtype: Any, device: Any) -> None:
        heads, size = config.num_key_value_heads, config.head_dim
        shape = (config.num_hidden_layers, 2, slots, heads, capacity + 1, size)
        # Zeros instead of empty: masked values are multiplied too, and garbage × 0 can be NaN.
        self.states = torch.zeros(shape, dtype=dtype, device=device)
        self.slots = slots
        self.capacity = capacity

    @property
    def bytes(self) -> int:
        return int(self.states.numel() * self.states.element_size())

    @property
    def bytes_per_token(self) -> int:
        layers, two, _, heads, _, size = self.states.shape
        return int(layers * two * heads * size * self.states.element_size())

    def zero(self) -> None:
        """In place: beside the old one there may be no room for a new one."""
        self.states.zero_()

    def clear(self, row: int, length: int | None = None) -> None:
        """Forget the row's first `length` tokens, or all that its slot has ever held."""
        self.states[:, :, row, :, :length].zero_()

    def read(self, row: int, length: int) -> torch.Tensor:
        """A copy of the row's first tokens [layers, 2, kv_heads, length, head_dim]."""
        return self.states[:, :, row, :, :length].clone()

    def write(self, row: int, states: torch.Tensor) -> None:
        """What `read` has returned, as the row's first tokens."""
        self.states[:, :, row, :, : states.shape[3]] = states

    def move(self, source: int, target: int, length: int) -> None:
        """Copy the first `length` tokens of row `source` to row `target`."""
        self.states[:, :, target, :, :length] = self.states[:, :, source, :, :length]
