"""How the rows of a pass attend. Their tokens are packed, one row after the other, and each row
sees its own slot of the KV cache."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch.nn import functional

from inference.model.forward.slots import SlotCache

# Kernels on a GPU want the rows of a mask to begin at multiples of so many elements.
ALIGNMENT = 16


@dataclass(frozen=True)
class Span:
    """A pass adds `length` tokens to the row in `slot`, which has `start`."""

    slot: int
    start: int
    length: int


@dataclass(frozen=True)
class Batch:
    """`rows` rows in adjacent slots with a token each attend as one. `mask` [rows, 1, 1, keys]."""

    first: int
    rows: int
    mask: torch.Tensor


@dataclass(frozen=True)
class Part:
    """The tokens `begin` to `end` of the pass are of one row. `mask` [end - begin, keys]; None
    where the row begins with them: the kernel for that is faster."""

    slot: int
    begin: int
    end: int
    keys: int
    mask: torch.Tensor | None


class Attention:
    """Of one pass: where its tokens go to in the cache, and what they see there."""

    def __init__(
        self,
        cache: SlotCache,
        slots: torch.Tensor,
        columns: torch.Tensor,
        batch: Batch | None,
        parts: Sequence[Part] = (),
    ) -> None:
        """`slots`, `columns` [tokens] on the device: of each token. Those of `batch` come first."""
        self._states = cache.states
        self._slots = slots
        self._columns = columns
        self._batch = batch
        self._parts = parts

    def attend(self, layer: int, rotated: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        """`rotated` [tokens, heads + kv_heads, head_dim]: queries, then keys. `values` [tokens,
        kv_heads, head_dim]. Keys and values are added to the cache. Returns [tokens, heads ×
        head_dim]."""
        tokens, kv_heads, size = values.shape
        states = self._states[layer]
        states[0, self._slots, :, self._columns] = rotated[:, -kv_heads:]
        states[1, self._slots, :, self._columns] = values
        queries = rotated[:, :-kv_heads].view(tokens, kv_heads, -1, size)
        outputs = [] if self._batch is None else [self._of_batch(self._batch, queries, states)]
        outputs += [self._of_part(part, queries, states) for part in self._parts]
        return outputs[0] if len(outputs) == 1 else torch.cat(outputs)

    @staticmethod
    def _of_batch(batch: Batch, queries: torch.Tensor, states: torch.Tensor) -> torch.Tensor:
        # Heads that share keys are read as several queries of one head: nothing is repeated.
        slots = slice(batch.first, batch.first + batch.rows)
        keys, values = states[:, slots, :, : batch.mask.shape[-1]]
        output = functional.scaled_dot_product_attention(
            queries[: batch.rows], keys, values, attn_mask=batch.mask
        )
        return output.reshape(batch.rows, -1)

    @staticmethod
    def _of_part(part: Part, queries: torch.Tensor, states: torch.Tensor) -> torch.Tensor:
        # The key heads are the batch, and keys are expanded over the queries' heads that share
        # them: a view, where `enable_gqa` has no kernel for a mask on a GPU.
        of_row = queries[part.begin : part.end].permute(1, 2, 0, 3)
        stored = states[:, part.slot, :, None, : part.keys]
        keys, values = stored.expand(-1, -1, of_row.shape[1], -1, -1)
        output = functional.scaled_dot_product_attention(
            of_row, keys, values, attn_mask=part.mask, is_causal=part.mask is None
        )
        return output.permute(2, 0, 1, 3).reshape(part.end - part.begin, -1)


def batch_mask(starts: torch.Tensor, keys: int, dtype: torch.dtype) -> torch.Tensor:
    """[rows, 1, 1, keys]: 0 for the keys that a row with `starts` tokens sees, its new one among
    them, else -inf."""
    hidden = torch.arange(keys, device=starts.device) > starts[:, None]
    mask = torch.zeros(hidden.shape, dtype=dtype, device=starts.device)
    return mask.masked_fill_(hidden, -torch.inf)[:, None, None]


def part_mask(start: int, length: int, dtype: torch.dtype, device: torch.device) -> torch.Tensor:
    """[length, start + length]: each token sees those before it, and itself."""
    keys = start + length
    wide = keys + -keys % ALIGNMENT
    mask = torch.full((length, wide), -torch.inf, dtype=dtype, device=device)
    return mask.triu_(start + 1)[:, :keys]


def plan(
    cache: SlotCache, spans: Sequence[Span], slots: torch.Tensor, columns: torch.Tensor
) -> Attention:
    """Of packed rows. Leading ones with a token each in adjacent slots attend as a batch; `slots`
    and `columns` [tokens] are on the device."""
    dtype, device = cache.states.dtype, cache.states.device
    first = spans[0].slot
    rows = 0
    while rows < len(spans) and (spans[rows].length, spans[rows].slot) == (1, first + rows):
        rows += 1
    batch = None
    if rows:
        keys = 1 + max(span.start for span in spans[:rows])
        batch = Batch(first, rows, batch_mask(columns[:rows], keys, dtype))
    parts = []
    begin = rows
    for span in spans[rows:]:
        end, keys = begin + span.length, span.start + span.length
        mask = part_mask(span.start, span.length, dtype, device) if span.start else None
        parts.append(Part(span.slot, begin, end, keys, mask))
        begin = end
    return Attention(cache, slots, columns, batch, parts)
