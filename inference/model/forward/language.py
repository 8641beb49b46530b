"""The layers of Qwen3-VL's language part over packed tokens. Computes what transformers' own layers
compute, in about a third of the launches; the formulas are those of its modeling_qwen3_vl.py."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from inference.model.forward.attention import Attention


@dataclass(frozen=True)
class PhotoPart:
    """The tokens `begin` to `end` of a pass are of a photo. `tokens` are their features, and
    `deepstack` is what the first layers add to them, each [end - begin, hidden]."""

    begin: int
    end: int
    tokens: torch.Tensor
    deepstack: tuple[torch.Tensor, ...]


class Language:
    """Only for inference. `module`: a Qwen3VLTextModel. Where its linear layers are plain, those
    that read the same input become one, of which the module's own are then views."""

    def __init__(self, module: Any) -> None:
        self._embed = module.embed_tokens
        self._layers = [Layer(layer) for layer in module.layers]
        self._norm = module.norm
        self._rotary = Rotary(module)

    def forward(
        self,
        ids: torch.Tensor,
        positions: torch.Tensor,
        attention: Attention,
        photos: Sequence[PhotoPart] = (),
    ) -> torch.Tensor:
        """`ids` [tokens]; `positions` [3, tokens] of M-RoPE. Returns [tokens, hidden] before the
        last norm."""
        hidden: torch.Tensor = self._embed(ids)
        for photo in photos:
            hidden[photo.begin : photo.end] = photo.tokens
        rotation = self._rotary.at(positions, hidden.dtype)
        for index, layer in enumerate(self._layers):
            hidden = layer.forward(index, hidden, rotation, attention)
            for photo in photos:
                if index < len(photo.deepstack):
                    hidden[photo.begin : photo.end] += photo.deepstack[index]
        return hidden

    def norm(self, hidden: torch.Tensor) -> torch.Tensor:
        return _norm(self._norm, hidden)


class Rotary:
    """M-RoPE: a third of the frequencies each by time, height and width, interleaved."""

    def __init__(self, module: Any) -> None:
        rotary = module.rotary_emb
        self._frequencies = rotary.inv_freq.float().to(module.device)
        self._scaling = rotary.attention_scaling
        axes = torch.zeros(len(self._frequencies), dtype=torch.long)
        for axis in (1, 2):
            axes[axis : rotary.mrope_section[axis] * 3 : 3] = axis
        self._axes = axes.to(module.device)

    def at(self, positions: torch.Tensor, dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
        """Cosine and sine [tokens, 1, head_dim]. The sine's first half is negative: a half that is
        turned by it is the other half."""
        angles = positions.float()[self._axes].t() * self._frequencies
        cosine, sine = angles.cos() * self._scaling, angles.sin() * self._scaling
        halves = torch.cat([cosine, cosine], -1), torch.cat([-sine, sine], -1)
        return halves[0][:, None].to(dtype), halves[1][:, None].to(dtype)


class Layer:
    def __init__(self, layer: Any) -> None:
        attention, mlp = layer.self_attn, layer.mlp
        self._norm = layer.input_layernorm
        self._mlp_norm = layer.post_attention_layernorm
        self._qkv = Merged([attention.q_proj, attention.k_proj, attention.v_proj])
        self._output = attention.o_proj
        self._gate_up = Merged([mlp.gate_proj, mlp.up_proj])
        self._down = mlp.down_proj
        self._activation = mlp.act_fn
        self._size = attention.head_dim
        self._kv_heads = attention.k_proj.out_features // self._size
        heads = attention.q_proj.out_features // self._size
        queries = attention.q_norm.weight.expand(heads, -1)
        keys = attention.k_norm.weight.expand(self._kv_heads, -1)
        self._head_weights = torch.cat([queries, keys]).detach()
        self._head_epsilon = attention.q_norm.variance_epsilon

    def forward(
        self,
        index: int,
        hidden: torch.Tensor,
        rotation: tuple[torch.Tensor, torch.Tensor],
        attention: Attention,
    ) -> torch.Tensor:
        """`hidden` [tokens, hidden], before and after."""
        mixed = self._qkv(_norm(self._norm, hidden))
        mixed = mixed.view(len(hidden), -1, self._size)
        rotated = self._rotated(mixed[:, : -self._kv_heads], *rotation)
        seen = attention.attend(index, rotated, mixed[:, -self._kv_heads :])
        hidden = _added(self._output, seen, hidden)
        gate, up = self._gate_up(_norm(self._mlp_norm, hidden)).chunk(2, -1)
        return _added(self._down, self._activation(gate) * up, hidden)

    def _rotated(
        self, heads: torch.Tensor, cosine: torch.Tensor, sine: torch.Tensor
    ) -> torch.Tensor:
        """Queries and keys [tokens, heads, head_dim], after their norm and their rotation."""
        normed = functional.rms_norm(heads, (self._size,), None, self._head_epsilon)
        normed = normed * self._head_weights
        return torch.addcmul(normed * cosine, normed.roll(self._size // 2, -1), sine)


class Merged:
    """Linear layers of one input as one. Layers of another kind, as quantised ones are, stay as
    they are, and so do those with a bias."""

    def __init__(self, linears: Sequence[Any]) -> None:
        self._linears = linears
        self._weight: torch.Tensor | None = None
        if all(is_plain(linear) for linear in linears):
            self._weight = torch.cat([linear.weight.detach() for linear in linears])
            begin = 0
            for linear in linears:  # the module's own copy is freed
                end = begin + linear.out_features
                view = self._weight[begin:end]
                linear.weight = nn.Parameter(view, requires_grad=False)
                begin = end

    def __call__(self, inputs: torch.Tensor) -> torch.Tensor:
        if self._weight is None:
            return torch.cat([linear(inputs) for linear in self._linears], -1)
        return functional.linear(inputs, self._weight)


def is_plain(linear: Any) -> bool:
    return type(linear) is nn.Linear and linear.bias is None


def _norm(norm: Any, hidden: torch.Tensor) -> torch.Tensor:
    return functional.rms_norm(hidden, hidden.shape[-1:], norm.weight, norm.variance_epsilon)


def _added(linear: Any, inputs: torch.Tensor, residual: torch.Tensor) -> torch.Tensor:
    """`residual` and what the layer makes of `inputs`."""
    if is_plain(linear):
        return torch.addmm(residual, inputs, linear.weight.t())
    added: torch.Tensor = residual + linear(inputs)
    return added
