"""Forward passes over rows of the KV cache. A pass adds any number of tokens to each of its rows,
those of photos included: prefill, chunked prefill and decode go together."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import ceil
from typing import Any

import torch

from inference.model.checkpoint import Checkpoint
from inference.model.forward.attention import Span, plan
from inference.model.forward.decoding import Buckets, CudaGraphs, Decoder, Run
from inference.model.forward.language import Language, PhotoPart
from inference.model.forward.slots import SlotCache
from inference.model.forward.tower import Look, Tower, to_device
from inference.model.prefixes import PrefixCache
from inference.model.prompts import Photo, Prompt
from inference.model.tensors import DeviceLost
from inference.model.vision import VisionCache


@dataclass(frozen=True)
class RowInput:
    """The tokens `ids` that a pass adds to the row in `slot`, which has `start` tokens there.
    `wanted`: whether the logits after the last of them are."""

    prompt: Prompt
    ids: list[int]
    start: int
    slot: int = 0
    wanted: bool = True


class Network:
    """Not thread-safe: only the engine thread may use it, its cache and tensors on the device."""

    def __init__(
        self, checkpoint: Checkpoint, vision_cache_bytes: int, prefix_cache_bytes: int
    ) -> None:
        module = checkpoint.module
        self._language = Language(module.model.language_model)
        self._head = module.lm_head
        self._device = module.device
        dtype = module.lm_head.weight.dtype
        self._tower = Tower(module.model.visual, dtype)
        self._tower_cost = _tower_cost(module)
        self._looks: list[Look] = []
        """Under way, the oldest first: at a photo of the lane, and at a shopper's before it."""
        self.vision = VisionCache(vision_cache_bytes)
        self.prefixes = PrefixCache(prefix_cache_bytes)
        plan = checkpoint.plan
        config = module.config.text_config
        self.cache = SlotCache(config, plan.slots, plan.context, dtype, self._device)
        if self._device.type == "cuda":
            self.decode_in(Buckets.doubling(plan.slots, plan.context), CudaGraphs())
        else:
            self.decode_in(Buckets.exact(plan.slots, plan.context), None)

    def decode_in(self, buckets: Buckets, record: Callable[[Run], Run] | None) -> None:
        """How passes of one token a row are rounded up, and recorded."""
        self._decoder = Decoder(self._language, self._head, self.cache, buckets, record)

    @torch.inference_mode()  # type: ignore[untyped-decorator]
    def record_all(self) -> int:
        """Record all passes that can be, before the first question. Returns how many there are."""
        return self._decoder.record_all()

    def reset(self) -> None:
        """Empty the KV cache. After a pass that failed midway its content is invalid."""
        self._looks.clear()
        self.cache.zero()

    def check_device(self) -> None:
        """Raises DeviceLost where the device no longer computes."""
        try:
            torch.ones(1, device=self._device).cpu()  # waits for what was begun before, too
        except Exception as error:
            raise DeviceLost from error

    def release_memory(self) -> None:
        """Free what can be computed again, after the device ran out of memory."""
        self._looks.clear()
        self.vision.clear()
        self.prefixes.clear()
        if self._device.type == "cuda":
            torch.cuda.empty_cache()

    def sight_cost(self, photo: Photo) -> int:
        """What the tower has yet to do for a photo, in tokens of text that take as long. 0: the
        photo's tokens can be read."""
        if photo.key in self.vision:
            return 0
        look = self._under_way([photo])
        share = 1.0 if look is None else look.share_left
        return max(1, ceil(photo.tokens * self._tower_cost * share))

    def _under_way(self, photos: Sequence[Photo]) -> Look | None:
        keys = [photo.key for photo in photos]
        return next((look for look in self._looks if look.is_at(keys)), None)

    @torch.inference_mode()  # type: ignore[untyped-decorator]
    def look(self, photos: Sequence[Photo], most_tokens: int) -> None:
        """Let the tower look at photos, all together, for about as long as so many tokens of text
        take. It goes on with the same photos where it was. Of the looks beside it the oldest is
        kept, for as long as somebody waits for it: else shoppers' photos would have the lane's
        begin again and again."""
        look = self._under_way(photos) or Look(self._tower, photos)
        wanted = {key for key in self.vision.in_use if key not in self.vision}
        beside = [each for each in self._looks if each is not look and each.is_at_any(wanted)][:1]
        all_looks = dict.fromkeys([*self._looks, look])  # each in its place
        under_way = [each for each in all_looks if each is look or each in beside]
        self._looks = beside  # one that fails is not gone on with
        cost = self._tower_cost * sum(photo.tokens for photo in photos)
        features = look.advance(most_tokens / cost)
        if features is None:
            self._looks = under_way
            return
        for photo, of_photo in zip(photos, features, strict=True):
            self.vision.put(photo.key, of_photo)

    @torch.inference_mode()  # type: ignore[untyped-decorator]
    def forward(self, rows: Sequence[RowInput]) -> torch.Tensor:
        """Add the tokens to the cache. Returns the logits after the last token of each row that
        wants them: float32 [wanted rows, vocabulary]. Photos must have been looked at."""
        host = torch.cat([_packed(row) for row in rows], dim=1)
        ends = list(accumulate(len(row.ids) for row in rows))
        photos = [
            part
            for row, end in zip(rows, ends, strict=True)
            for photo in row.prompt.photos
            if (part := self._photo_part(row, end, photo)) is not None
        ]
        wanted = [end - 1 for row, end in zip(rows, ends, strict=True) if row.wanted]
        first_slots = [row.slot for row in rows] == list(range(len(rows)))
        if len(wanted) == host.shape[1] and first_slots and not photos:
            return self._decoder.forward(host[[0, 2, 3]])
        on_device = to_device(host, self._device)
        spans = [Span(row.slot, row.start, len(row.ids)) for row in rows]
        attention = plan(self.cache, spans, on_device[1], on_device[2])
        hidden = self._language.forward(on_device[0], on_device[3:], attention, photos)
        last = hidden[to_device(torch.tensor(wanted, dtype=torch.long), self._device)]
        logits: torch.Tensor = self._head(self._language.norm(last)).float()
        return logits

    def _photo_part(self, row: RowInput, end: int, photo: Photo) -> PhotoPart | None:
        """Which tokens of the pass, in which the row ends at `end`, are of this photo of the
        row's."""
        first = max(row.start, photo.start)
        last = min(row.start + len(row.ids), photo.start + photo.tokens)
        if first >= last:
            return None
        if photo.key not in self.vision:
            self.look([photo], sys.maxsize)
        features = self.vision.get(photo.key, goes_on=first > photo.start)
        assert features is not None
        of_photo = slice(first - photo.start, last - photo.start)
        begin = end - len(row.ids) - row.start
        return PhotoPart(
            begin + first,
            begin + last,
            features.tokens[of_photo],
            tuple(level[of_photo] for level in features.deepstack),
        )


def _packed(row: RowInput) -> torch.Tensor:
    """[6, n]: ids, slot, index and M-RoPE positions of the tokens, which may begin in the prompt
    and end in the answer."""
    count = len(row.ids)
    packed = torch.empty(6, count, dtype=torch.long)
    packed[0] = torch.tensor(row.ids)
    packed[1] = row.slot
    packed[2] = torch.arange(row.start, row.start + count)
    in_prompt = row.prompt.positions[:, row.start : row.start + count]
    answer = in_prompt.shape[1]
    packed[3:, :answer] = in_prompt
    if answer < count:
        begin = row.prompt.position(row.start + answer)
        packed[3:, answer:] = torch.arange(begin, begin + count - answer)
    return packed


def _tower_cost(module: Any) -> float:
    """What the tower does for a visual token, as a share of what the language part does for it:
    the weights that its patches meet there."""

    def weights(part: Any) -> int:
        linears = (each for each in part.modules() if hasattr(each, "in_features"))
        return sum(each.in_features * each.out_features for each in linears)

    merged = int(module.model.visual.spatial_merge_size) ** 2
    language = module.model.language_model.layers
    return merged * weights(module.model.visual.blocks) / weights(language)
