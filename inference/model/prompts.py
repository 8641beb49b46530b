"""A request → token ids, their positions, and the photos' patches. It only reads the checkpoint, so
any thread may call it."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import torch
from PIL import Image

from contract.attempts import closeness
from contract.completion import CompletionRequest
from contract.images import MODEL_PIXELS
from inference.detokenizer import token_bytes
from inference.model.checkpoint import PIXEL_BOUNDS, Checkpoint

IMAGE_TOKEN = "<|image_pad|>"  # noqa: S105 - no secret


@dataclass(frozen=True, eq=False)
class Photo:
    """A photo as the vision tower takes it, and the place of its `tokens` tokens in the prompt."""

    key: str
    """Key of its features in the vision cache: tenant, attempt and image digest. Of its own where
    nothing is to be kept."""
    patches: torch.Tensor
    """[patches, channels × 2 × 16 × 16], in the tower's precision, pinned for a GPU."""
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
    """Position minus index of the tokens after the prompt. It is negative after photos, which
    take up fewer positions than they have tokens."""
    photos: tuple[Photo, ...] = ()
    """In the order of their places."""
    prefix_key: str = ""
    """Prompts of equal keys may share what they begin with: the same tenant, and the same photos in
    the same order."""

    def position(self, index: int) -> int:
        """The position of a token after the prompt, the same in all three dimensions."""
        return index + self.offset


class PromptBuilder:
    def __init__(self, checkpoint: Checkpoint) -> None:
        self._module = checkpoint.module
        self._tokenizer = checkpoint.tokenizer
        self._image_processor = checkpoint.image_processor
        self._image_token_id = self._tokenizer.convert_tokens_to_ids(IMAGE_TOKEN)
        self._keys = count()
        self._special = set(self._tokenizer.all_special_ids)
        self._special |= set(self._tokenizer.added_tokens_decoder)

    def build(
        self,
        asked: CompletionRequest,
        pixels: Sequence[Image.Image],
        keys: Sequence[str],
        attempt: int,
    ) -> Prompt:
        """Apply the chat template, tokenise, preprocess the photos, of which `asked` says where
        they are shown. Control tokens in the users' text become plain text."""
        places = [asked.photo_turn, *(photo.user_turn for photo in asked.further)][: len(pixels)]
        messages: list[dict[str, Any]] = []
        user_turn = 0
        for turn in asked.turns:
            parts = [{"type": "text", "text": turn.text}]
            if turn.role == "user":
                parts = [{"type": "image"}] * places.count(user_turn) + parts
                user_turn += 1
            messages.append({"role": turn.role, "content": parts})
        ids: list[int] = self._tokenizer.apply_chat_template(
            messages,
            add_generation_prompt=True,
            tokenize=True,
            return_dict=False,
            sanitize_control_tokens=True,
        )
        prefix_key = " ".join(keys) if all(keys) else ""
        photos: list[Photo] = []
        behind = 0
        for picture, key in zip(pixels, keys, strict=False):  # without a photo one key of a tenant
            start = ids.index(self._image_token_id, behind)
            photo = self._photo(picture, key, attempt, start)
            behind = start + photo.tokens
            ids[start : start + 1] = [self._image_token_id] * photo.tokens
            photos.append(photo)
        if not photos:
            positions = torch.arange(len(ids)).expand(3, -1)
            return Prompt(ids, positions, 0, (), prefix_key)
        tensor = torch.tensor([ids])
        positions, offset = self._module.model.get_rope_index(
            tensor,
            mm_token_type_ids=(tensor == self._image_token_id).int(),
            image_grid_thw=torch.cat([photo.grid for photo in photos]),
        )
        return Prompt(ids, positions[:, 0], int(offset), tuple(photos), prefix_key)

    def _photo(self, pixels: Image.Image, key: str, attempt: int, start: int) -> Photo:
        processed = self._image_processor(
            images=[pixels], size=self._size(pixels, attempt), return_tensors="pt"
        )
        grid = processed["image_grid_thw"]
        tokens = int(grid[0].prod()) // self._image_processor.merge_size**2
        patches = processed["pixel_values"].to(self._module.model.visual.dtype)
        if self._module.device.type == "cuda":
            patches = patches.pin_memory()
        return Photo(key or f"once {next(self._keys)}", patches, grid, start, tokens)

    def _size(self, pixels: Image.Image, attempt: int) -> dict[str, int]:
        """The smallest and the largest size of a photo in pixels, under the processor's names."""
        minimum, maximum = (int(self._image_processor.size[name]) for name in PIXEL_BOUNDS)
        if attempt:
            # So many times the usual tokens, whatever the photo's size: a small photo is enlarged,
            # and a large one may exceed the checkpoint's own maximum.
            usual = min(max(pixels.width * pixels.height, minimum), maximum, MODEL_PIXELS)
            minimum = maximum = int(usual * closeness(attempt))
        return dict(zip(PIXEL_BOUNDS, (minimum, maximum), strict=True))

    def bytes_of(self, token_id: int) -> bytes:
        """The UTF-8 bytes of a token; empty for control tokens, and for ids that are no token.
        Models have more logits than tokens, so that their matrices have round numbers of rows."""
        token = self._tokenizer.convert_ids_to_tokens(token_id)
        return b"" if token is None or token_id in self._special else token_bytes(token)
