"""Forward passes over rows of the KV cache. Each pass adds any number of tokens to adjacent rows,
those of photos included: prefill, chunked prefill and decode are the same call."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from inference.model.checkpoint import Checkpoint
from inference.model.prefixes import PrefixCache
from inference.model.prompts import Photo, Prompt
from inference.model.slots import SlotCache
from inference.model.tensors import DeviceLost
from inference.model.vision import Features, VisionCache


@dataclass(frozen=True)
class RowInput:
    """The tokens `ids` that a pass adds to a row which has `start` tokens in the KV cache."""

    prompt: Prompt
    ids: list[int]
    start: int


class Network:
    """Not thread-safe: only the engine thread may use it, its cache and tensors on the device."""

    def __init__(
        self, checkpoint: Checkpoint, vision_cache_bytes: int, prefix_cache_bytes: int
    ) -> None:
        module = checkpoint.module
        self._tower = module.model
        self._language = module.model.language_model
        self._head = module.lm_head
        self._device = module.device
        self._dtype = module.lm_head.weight.dtype
        self.vision = VisionCache(vision_cache_bytes)
        self.prefixes = PrefixCache(prefix_cache_bytes)
        plan = checkpoint.plan
        config = module.config.text_config
        self.cache = SlotCache(config, plan.slots, plan.context, self._dtype, self._device)

    def reset(self) -> None:
        """Empty the KV cache. After a pass that failed midway its content is invalid."""
        self.cache.zero()

    def check_device(self) -> None:
        """Raises DeviceLost where the device no longer computes."""
        try:
            torch.ones(1, device=self._device).cpu()  # waits for what was begun before, too
        except Exception as error:
            raise DeviceLost from error

    def release_memory(self) -> None:
        """Free what can be computed again, after the device ran out of memory."""
        self.vision.clear()
        self.prefixes.clear()
        if self._device.type == "cuda":
            torch.cuda.empty_cache()

    @torch.inference_mode()  # type: ignore[untyped-decorator]
    def forward(self, first: int, rows: Sequence[RowInput]) -> torch.Tensor:
        """Add the tokens to the cache rows from `first` on. Returns the logits after each row's
        last token: float32 [rows, vocabulary]."""
        width = max(len(row.ids) for row in rows)
        starts = [row.start for row in rows]
        ids = torch.zeros(len(rows), width, dtype=torch.long)
        positions = torch.zeros(3, len(rows), width, dtype=torch.long)
        for index, row in enumerate(rows):
            # Rows are padded on the right. The next real token overwrites the padding's keys
            # before any query can see them.
            ids[index, : len(row.ids)] = torch.tensor(row.ids)
            positions[:, index, : len(row.ids)] = _positions(row)
        embeds = self._language.embed_tokens(ids.to(self._device))
        visual, deepstack = self._insert_photos(rows, embeds)
        self.cache.begin_pass(first, starts, width)
        kv_length = max(starts) + width
        query_indexes = torch.tensor(starts)[:, None] + torch.arange(width)
        mask = torch.arange(kv_length) <= query_indexes[:, :, None]
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
        last_hidden = output[torch.arange(len(rows), device=output.device), last]
        logits: torch.Tensor = self._head(last_hidden).float()
        return logits

    def _insert_photos(
        self, rows: Sequence[RowInput], embeds: torch.Tensor
    ) -> tuple[torch.Tensor | None, list[torch.Tensor] | None]:
        """Put the photos' features into `embeds`, for those of their tokens that are in this pass.
        Returns the mask of visual tokens [rows, width] and the DeepStack features, each [visual,
        hidden]."""
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
            columns = slice(begin - rows[index].start, end - rows[index].start)
            embeds[index, columns] = features.tokens[begin - origin : end - origin]
            visual[index, columns] = True
        deepstack = [
            torch.cat([f.deepstack[level][b - o : e - o] for _, b, e, f, o in parts])
            for level in range(len(parts[0][3].deepstack))
        ]
        return visual, deepstack

    def _features(self, photo: Photo) -> Features:
        cached = self.vision.get(photo.key)
        if cached is not None:
            return cached
        output = self._tower.get_image_features(
            photo.patches.to(self._device), photo.grid.to(self._device), return_dict=True
        )
        features = Features(
            output.pooler_output[0].to(self._dtype),
            tuple(level[0].to(self._dtype) for level in output.deepstack_features),
        )
        self.vision.put(photo.key, features)
        return features


def _positions(row: RowInput) -> torch.Tensor:
    """M-RoPE positions [3, n] of the tokens, which may begin in the prompt and end in the
    answer."""
    in_prompt = row.prompt.positions[:, row.start : row.start + len(row.ids)]
    in_answer = len(row.ids) - in_prompt.shape[1]
    if not in_answer:
        return in_prompt
    begin = row.prompt.position(row.start + in_prompt.shape[1])
    return torch.cat([in_prompt, torch.arange(begin, begin + in_answer).expand(3, -1)], dim=1)
