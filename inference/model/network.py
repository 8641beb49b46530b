"""One forward pass over slots: extends any rows by any number of tokens, photos among them.
Prefill, chunked prefill and decode are the same call."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from inference.model.checkpoint import Checkpoint
from inference.model.prompts import Photo, Prompt
from inference.model.slots import SlotCache
from inference.model.vision import Features, VisionCache


@dataclass(frozen=True)
class Extension:
    """Tokens `start`…`start + len(ids)` of a sequence, to be added to a row of that length."""

    prompt: Prompt
    ids: list[int]
    start: int


class Network:
    """Not thread-safe: the engine thread owns it, the cache and all tensors on the device."""

    def __init__(self, checkpoint: Checkpoint, slots: int, vision_cache_bytes: int) -> None:
        module = checkpoint.module
        self._tower = module.model
        self._language = module.model.language_model
        self._head = module.lm_head
        self._device = module.device
        self._config = module.config.text_config
        self._capacity = checkpoint.facts.max_context_tokens
        self._dtype = module.lm_head.weight.dtype
        self.slots = slots
        self.vision = VisionCache(vision_cache_bytes)
        self.reset()

    def reset(self) -> None:
        """A new, empty cache: after a pass that crashed half-way nothing in the old one counts."""
        self.cache = SlotCache(self._config, self.slots, self._capacity, self._dtype, self._device)

    def release(self) -> None:
        """Give back what can be made again: after the device ran out of memory."""
        self.vision.clear()
        if self._device.type == "cuda":
            torch.cuda.empty_cache()

    @torch.inference_mode()  # type: ignore[untyped-decorator]
    def extend(self, first: int, rows: Sequence[Extension]) -> torch.Tensor:
        """Extend cache rows `first`… and give the logits [rows, vocabulary], float32, behind each
        row's last token. Rows of several tokens must all start at the same length."""
        width = max(len(row.ids) for row in rows)
        starts = [row.start for row in rows]
        ids = torch.zeros(len(rows), width, dtype=torch.long)
        positions = torch.zeros(3, len(rows), width, dtype=torch.long)
        for index, row in enumerate(rows):
            # Rows are filled up on the right: a later, real token overwrites the filling's keys
            # before any query may see them.
            ids[index, : len(row.ids)] = torch.tensor(row.ids)
            positions[:, index, : len(row.ids)] = _positions(row)
        embeds = self._language.embed_tokens(ids.to(self._device))
        visual, deepstack = self._place_photos(rows, embeds)
        self.cache.begin_pass(first, starts, width)
        span = max(starts) + width
        reach = torch.tensor(starts)[:, None] + torch.arange(width)
        mask = torch.arange(span) <= reach[:, :, None]
        output = self._language(
            inputs_embeds=embeds,
            position_ids=positions.to(self._device),
            attention_mask=mask[:, None].to(self._device),
            past_key_values=self.cache,
            use_cache=True,
            visual_pos_masks=visual,
            deepstack_visual_embeds=deepstack,
        ).last_hidden_state
        last = torch.tensor([len(row.ids) - 1 for row in rows], device=output.device)
        behind = output[torch.arange(len(rows), device=output.device), last]
        logits: torch.Tensor = self._head(behind).float()
        return logits

    def _place_photos(
        self, rows: Sequence[Extension], embeds: torch.Tensor
    ) -> tuple[torch.Tensor | None, list[torch.Tensor] | None]:
        """Put the photos' features where their tokens stand in these stretches of their rows."""
        parts: list[tuple[int, int, int, Features, int]] = []
        for index, row in enumerate(rows):
            photo = row.prompt.photo
            if photo is None:
                continue
            begin = max(row.start, photo.start)
            end = min(row.start + len(row.ids), photo.start + photo.tokens)
            if begin < end:
                parts.append((index, begin, end, self._features(photo), photo.start))
        if not parts:
            return None, None
        visual = torch.zeros(embeds.shape[:2], dtype=torch.bool, device=self._device)
        for index, begin, end, features, origin in parts:
            here = slice(begin - rows[index].start, end - rows[index].start)
            embeds[index, here] = features.tokens[begin - origin : end - origin]
            visual[index, here] = True
        deepstack = [
            torch.cat([f.deepstack[level][b - o : e - o] for _, b, e, f, o in parts])
            for level in range(len(parts[0][3].deepstack))
        ]
        return visual, deepstack

    def _features(self, photo: Photo) -> Features:
        known = self.vision.get(photo.key)
        if known is not None:
            return known
        seen = self._tower.get_image_features(
            photo.patches.to(self._device), photo.grid.to(self._device), return_dict=True
        )
        features = Features(
            seen.pooler_output[0].to(self._dtype),
            tuple(level[0].to(self._dtype) for level in seen.deepstack_features),
        )
        self.vision.put(photo.key, features)
        return features


def _positions(row: Extension) -> torch.Tensor:
    """[3, n] of a stretch that may begin in the prompt and end behind it."""
    known = row.prompt.positions[:, row.start : row.start + len(row.ids)]
    behind = len(row.ids) - known.shape[1]
    if not behind:
        return known
    begin = row.prompt.position(row.start + known.shape[1])
    return torch.cat([known, torch.arange(begin, begin + behind).expand(3, -1)], dim=1)
