"""The vision tower over several photos at once. A look may be taken in parts, so that a large photo
does not hold answers up. The formulas are those of transformers' modeling_qwen3_vl.py."""

from collections.abc import Sequence, Set
from typing import Any

import torch
from torch.nn import functional
from transformers.vision_utils import (
    get_vision_interpolation_indices_and_weights,
    get_vision_position_ids,
)

from inference.model.prompts import Photo
from inference.model.vision import Features


class Tower:
    """`module`: a Qwen3VLVisionModel."""

    def __init__(self, module: Any, dtype: torch.dtype) -> None:
        """`dtype`: of the features."""
        self._module = module
        self._dtype = dtype
        self.blocks = len(module.blocks)
        projection = module.patch_embed.proj
        # Patches do not overlap, so the convolution is a linear layer, which is faster.
        self._patch_weight = projection.weight.detach().flatten(1)
        self._patch_bias = projection.bias

    def embed(self, patches: torch.Tensor, grids: torch.Tensor) -> tuple[torch.Tensor, Any]:
        """Patches of all photos, and `grids` [photos, 3] on the CPU → the hidden state
        [patches, hidden], and the rotation of positions."""
        module = self._module
        device, weight = self._patch_weight.device, self._patch_weight
        hidden = functional.linear(
            to_device(patches.to(weight.dtype), device), weight, self._patch_bias
        )
        merge = module.spatial_merge_size
        indices, weights = get_vision_interpolation_indices_and_weights(
            grids,
            num_grid_per_side=module.num_grid_per_side,
            mode=module.interpolation_mode,
            align_corners=module.interpolation_align_corners,
            spatial_merge_size=merge,
        )
        places = module.pos_embed(to_device(indices, device))
        places = (places * to_device(weights, device)[:, :, None]).sum(1)
        hidden = hidden + places.to(hidden.dtype)
        positions = get_vision_position_ids(grids, merge)
        return hidden, module.rotary_pos_emb(hidden, to_device(positions, device))

    def block(self, index: int, hidden: torch.Tensor, lengths: list[int], rotation: Any) -> Any:
        """One block; `lengths` are the patches of each photo, which see each other only."""
        ends = torch.tensor([0, *lengths], dtype=torch.int32).cumsum(0, dtype=torch.int32)
        if "flash" in self._module.config._attn_implementation:
            ends = to_device(ends, hidden.device)
        return self._module.blocks[index](
            hidden, cu_seqlens=ends, max_seqlen=max(lengths), position_embeddings=rotation
        )

    def deepstack(self, index: int, hidden: torch.Tensor) -> torch.Tensor | None:
        """What DeepStack takes after that block."""
        levels = list(self._module.deepstack_visual_indexes)
        if index not in levels:
            return None
        merged: torch.Tensor = self._module.deepstack_merger_list[levels.index(index)](hidden)
        return merged.to(self._dtype)

    def merge(self, hidden: torch.Tensor) -> torch.Tensor:
        merged: torch.Tensor = self._module.merger(hidden)
        return merged.to(self._dtype)


class Look:
    """At some photos, block by block."""

    def __init__(self, tower: Tower, photos: Sequence[Photo]) -> None:
        self._tower = tower
        self._photos = photos
        grids = torch.cat([photo.grid for photo in photos])
        patches = torch.cat([photo.patches for photo in photos])
        self._lengths = [len(photo.patches) for photo in photos]
        self._hidden, self._rotation = tower.embed(patches, grids)
        self._levels: list[torch.Tensor] = []
        self._done = 0

    def is_at(self, keys: Sequence[str]) -> bool:
        return [photo.key for photo in self._photos] == list(keys)

    def is_at_any(self, keys: Set[str]) -> bool:
        return any(photo.key in keys for photo in self._photos)

    @property
    def share_left(self) -> float:
        return 1 - self._done / self._tower.blocks

    def advance(self, share: float) -> list[Features] | None:
        """Go on by this share of the tower, at least by a block. Returns the photos' features when
        it has ended."""
        blocks = max(1, int(share * self._tower.blocks + 1e-6))
        for index in range(self._done, min(self._done + blocks, self._tower.blocks)):
            self._hidden = self._tower.block(index, self._hidden, self._lengths, self._rotation)
            level = self._tower.deepstack(index, self._hidden)
            if level is not None:
                self._levels.append(level)
            self._done = index + 1
        if self._done < self._tower.blocks:
            return None
        tokens = [photo.tokens for photo in self._photos]
        parts = [part.split(tokens) for part in (self._tower.merge(self._hidden), *self._levels)]
        # Each its own copy where there are several: one that is dropped frees its memory.
        alone = len(tokens) == 1
        return [
            Features(*_split(of_photo if alone else [part.clone() for part in of_photo]))
            for of_photo in zip(*parts, strict=True)
        ]


def _split(parts: Sequence[torch.Tensor]) -> tuple[torch.Tensor, tuple[torch.Tensor, ...]]:
    return parts[0], tuple(parts[1:])


def to_device(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    """Without waiting for it."""
    if device.type == "cuda":
        tensor = tensor.pin_memory()
    return tensor.to(device, non_blocking=True)
