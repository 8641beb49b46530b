"""A question → token ids, their positions, and the photo's patches. Only reads the checkpoint, so
any thread may call it."""

from dataclasses import dataclass
from typing import Any

import torch
from PIL import Image

from contract.attempts import closeness
from contract.completion import CompletionRequest
from inference.detokenizer import token_bytes
from inference.model.checkpoint import Checkpoint

IMAGE_TOKEN = "<|image_pad|>"  # noqa: S105 - no secret
_BOUNDS = ("shortest_edge", "longest_edge")


@dataclass(frozen=True)
class Photo:
    """A photo as the vision tower takes it, and where its tokens stand in the prompt."""

    key: str
    """Names the picture's features in the vision cache: whose it is, and its digest."""
    patches: torch.Tensor
    """[patches, channels × 2 × 16 × 16], float32."""
    grid: torch.Tensor
    """[1, 3]: frames, rows, columns of patches."""
    start: int
    tokens: int


@dataclass(frozen=True)
class Prompt:
    ids: list[int]
    positions: torch.Tensor
    """[3, n]: time, height, width of each token (M-RoPE)."""
    offset: int
    """What is added to a later token's index for its position: a photo takes less room than its
    tokens."""
    photo: Photo | None

    def position(self, index: int) -> int:
        """Of a token behind the prompt, the same in all three dimensions."""
        return index + self.offset


class PromptBuilder:
    def __init__(self, checkpoint: Checkpoint) -> None:
        self._module = checkpoint.module
        self._tokenizer = checkpoint.tokenizer
        self._image_processor = checkpoint.image_processor
        self._image_token_id = self._tokenizer.convert_tokens_to_ids(IMAGE_TOKEN)
        self._special = set(self._tokenizer.all_special_ids)
        self._special |= set(self._tokenizer.added_tokens_decoder)

    def build(
        self, asked: CompletionRequest, pixels: Image.Image | None, photo_key: str, attempt: int
    ) -> Prompt:
        """Template, tokenise, preprocess. Control tokens in the users' text become plain text."""
        messages: list[dict[str, Any]] = []
        photo_due = pixels is not None
        for turn in asked.turns:
            parts = [{"type": "text", "text": turn.text}]
            if photo_due and turn.role == "user":
                parts.insert(0, {"type": "image"})
                photo_due = False
            messages.append({"role": turn.role, "content": parts})
        ids: list[int] = self._tokenizer.apply_chat_template(
            messages,
            add_generation_prompt=True,
            tokenize=True,
            return_dict=False,
            sanitize_control_tokens=True,
        )
        if pixels is None:
            positions = torch.arange(len(ids)).expand(3, -1)
            return Prompt(ids, positions, 0, None)
        seen = self._image_processor(
            images=[pixels], size=self._size(pixels, attempt), return_tensors="pt"
        )
        grid = seen["image_grid_thw"]
        count = int(grid[0].prod()) // self._image_processor.merge_size**2
        at = ids.index(self._image_token_id)
        ids = ids[:at] + [self._image_token_id] * count + ids[at + 1 :]
        tensor = torch.tensor([ids])
        positions, offset = self._module.model.get_rope_index(
            tensor,
            mm_token_type_ids=(tensor == self._image_token_id).int(),
            image_grid_thw=grid,
        )
        photo = Photo(photo_key, seen["pixel_values"], grid, at, count)
        return Prompt(ids, positions[:, 0], int(offset), photo)

    def _size(self, pixels: Image.Image, attempt: int) -> dict[str, int]:
        """The bounds in pixels, as the processor calls them, between which a photo is put."""
        least, most = (int(self._image_processor.size[name]) for name in _BOUNDS)
        if attempt:
            # Beyond the checkpoint's own bound, and a small photo is blown up: whatever its size,
            # the model gets so many times the tokens for it.
            usual = min(max(pixels.width * pixels.height, least), most)
            least = most = int(usual * closeness(attempt))
        return dict(zip(_BOUNDS, (least, most), strict=True))

    def bytes_of(self, token_id: int) -> bytes:
        """The UTF-8 bytes of a token; none for control tokens."""
        if token_id in self._special:
            return b""
        return token_bytes(self._tokenizer.convert_ids_to_tokens(token_id))
