"""Attention of the language model written out, in the precision of its inputs.

Transformers' eager attention converts the scores to float32 and back, and scales them instead of
the queries. A step then takes half as long again on a CPU. Torch's fused kernel has a slow backward
pass there.
"""

from typing import Any

import torch
from torch import Tensor
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.masking_utils import eager_mask

WRITTEN_OUT = "written_out"


def attend(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float,
    **_: Any,
) -> tuple[Tensor, None]:
    """query (n, heads, length, dim), key and value (n, fewer heads, length, dim); the mask is added
    to the scores. Returns (n, length, heads, dim)."""
    n, heads, length, width = query.shape
    shared = key.shape[1]
    query, key = query.to(value.dtype), key.to(value.dtype)  # rotated in float32 under autocast
    with torch.autocast("cpu", enabled=False):
        # The queries that share a key are one longer matrix.
        together = (query * scaling).reshape(n, shared, -1, width)
        scores = (together @ key.transpose(-1, -2)).view(n, heads, length, -1)
        if attention_mask is not None:
            scores = scores + attention_mask.to(scores.dtype)
        shares = torch.softmax(scores, -1)
        out = shares.view(n, shared, -1, scores.shape[-1]) @ value
    return out.view(n, heads, length, width).transpose(1, 2).contiguous(), None


def register() -> None:
    """Make it known to transformers under the name WRITTEN_OUT."""
    AttentionInterface.register(WRITTEN_OUT, attend)
    AttentionMaskInterface.register(WRITTEN_OUT, eager_mask)
