"""Second stage of training: the language model learns to answer from the tower's features."""

import random
import shutil
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm import tqdm
from transformers import Qwen2TokenizerFast, Qwen3VLForConditionalGeneration

from demo_model.pictures.shards import PicturePool
from demo_model.training.attention import WRITTEN_OUT, register
from demo_model.training.conversations import Transcriber
from demo_model.training.heads import Heads, heads_loss, labels_of
from demo_model.training.lessons import rows_of
from demo_model.training.packing import Packed, pack
from demo_model.training.states import draw_curve, halved, log, save_state
from demo_model.training.tower import Sight, see
from demo_model.training.vision import WARM_UP, optimisers, validate

PICTURES = 16
# The first token of an answer tells what the question was about, the first after a comma often the
# verdict. It is one token of thirty, so its loss weighs three times as much.
OPENING_WEIGHT = 3.0
TEXT_RATE = 8e-4
# The tower is already trained, but learns textures slowly. So it goes on to learn attributes, from
# more pictures a step than the conversations use.
VISION_RATE = 6e-4
# The rates stay at their peak for this share of the steps, and then fall in a line. So training may
# be made longer while it runs.
STEADY = 0.7
# Weights that answer already are disturbed by the peak, and the steps are few.
RESUMED_PEAK = 0.6
SILENT_PICTURES = 56
HEADS_WEIGHT = 0.5
# The mean of the weights of about the last 100 steps answers better than those of any one step.
AVERAGE_DECAY = 0.99
SAVE_EVERY, VALIDATE_EVERY = 20, 400
# What a card's confidence is about.
SURE_OF = ("kind", "colour", "material")


def averaged_over_steps(model: nn.Module) -> AveragedModel:
    """A copy of the model whose weights are a moving average, updated once a step."""
    return AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(AVERAGE_DECAY))


def rate_at(step: int, steps: int, peak: float) -> float:
    """Learning rate: linear warm-up, steady, then in a line to a hundredth."""
    if step < WARM_UP:
        return peak * (step + 1) / WARM_UP
    fallen = max(0.0, step / steps - STEADY) / (1 - STEADY)
    return peak * (1 - 0.99 * min(1.0, fallen))


def answers_loss(
    model: Any, sight: Sight, packed: Packed, opening_weight: float = OPENING_WEIGHT
) -> tuple[Tensor, Tensor]:
    """Mean loss per answer token, and the share of answer tokens predicted correctly."""
    language = model.model.language_model
    chosen = (layer[packed.photos] for layer in (sight.tokens, *sight.deepstack))
    tokens, *deepstack = (layer.flatten(0, 1) for layer in chosen)
    embedded = language.embed_tokens(packed.ids)
    image = packed.image
    embedded = embedded.masked_scatter(image[..., None], tokens.to(embedded.dtype))
    # Added to the attention scores.
    mask = torch.zeros(packed.mask.shape, dtype=embedded.dtype).masked_fill(~packed.mask, -1e9)
    hidden = language(
        inputs_embeds=embedded,
        position_ids=packed.positions,
        attention_mask=mask,
        visual_pos_masks=image,
        deepstack_visual_embeds=deepstack,
        use_cache=False,
    ).last_hidden_state
    asked = packed.targets != -100
    logits = functional.linear(hidden[asked], language.embed_tokens.weight).float()
    wanted = packed.targets[asked]
    right = (logits.argmax(-1) == wanted).float().mean()
    weights = 1 + (opening_weight - 1) * packed.opens[asked].float()
    losses = functional.cross_entropy(logits, wanted, reduction="none")
    return (losses * weights).sum() / weights.sum(), right


def confidences(scores: dict[str, Tensor]) -> list[float]:
    """How likely the heads hold all of their likeliest kind, colour and material to be right."""
    sure = [scores[name].detach().float().softmax(-1).amax(-1) for name in SURE_OF]
    return [float(share) for share in torch.stack(sure).prod(0)]


class LanguageTraining:
    """The second stage, one step after another. `resumed`: it began from shipped weights."""

    def __init__(
        self,
        model: Qwen3VLForConditionalGeneration,
        heads: Heads,
        tokenizer: Qwen2TokenizerFast,
        pool: PicturePool,
        work: Path,
        *,
        resumed: bool = False,
    ) -> None:
        register()
        self.peak = RESUMED_PEAK if resumed else 1.0
        model.set_attn_implementation({"text_config": WRITTEN_OUT})
        self.model, self.heads, self.pool, self.work = model, heads, pool, work
        self.averaged = averaged_over_steps(model)
        if shutil.which("g++"):  # compiling the layers' forward saves time: 0.43 → 0.25 s a step
            for layer in model.model.language_model.layers:
                layer.compile(dynamic=True)
        self.transcriber = Transcriber(tokenizer)
        self.pad = int(tokenizer.pad_token_id)
        self.text = optimisers([model.model.language_model])
        self.vision = optimisers([model.model.visual, heads])
        self.step = 0
        self.state = work / "language.pt"
        if self.state.exists():
            self._load()

    @property
    def _everyone(self) -> list[torch.optim.Optimizer]:
        return [*self.text, *self.vision]

    def _load(self) -> None:
        state = torch.load(self.state)
        self.model.load_state_dict(state["model"])
        self.averaged.load_state_dict(state["averaged"])
        self.heads.load_state_dict(state["heads"])
        for optimizer, kept in zip(self._everyone, state["optimizers"], strict=True):
            optimizer.load_state_dict(kept)
        self.step, self.peak = state["step"], state["peak"]

    def save(self) -> None:
        kept = [optimizer.state_dict() for optimizer in self._everyone]
        state = {"averaged": self.averaged.state_dict(), "optimizers": kept, "peak": self.peak}
        state = {**halved(state), "heads": self.heads.state_dict(), "step": self.step}
        save_state(self.state, {**state, "model": self.model.state_dict()})

    def run(self, steps: int) -> None:
        """Train until so many steps have been made in all."""
        bar = tqdm(total=steps, initial=self.step, unit="step", mininterval=10)
        started, losses, shares = time.monotonic(), list[float](), list[float]()
        while self.step < steps:
            loss, right = self._one_step(steps)
            losses.append(loss)
            shares.append(right)
            bar.update()
            if self.step % SAVE_EVERY == 0 or self.step == steps:
                self.save()
                mean = round(sum(losses) / len(losses), 4)
                bar.set_postfix(loss=mean)
                log(self.work / "train.log", quiet=True, stage="language", step=self.step,
                    pictures=self.pool.refresh(), loss=mean,
                    tokens_right=round(sum(shares) / len(shares), 4),
                    seconds=round((time.monotonic() - started) / len(losses), 2))  # fmt: skip
                draw_curve(self.work / "train.log", self.work / "curve.png")
                started, losses, shares = time.monotonic(), [], []
            if self.step % VALIDATE_EVERY == 0:
                seen = validate(self.model.model.visual, self.heads)
                log(self.work / "train.log", stage="language", step=self.step, held_out=seen)
        bar.close()

    def _one_step(self, steps: int) -> tuple[float, float]:
        rng = random.Random(f"language:{self.step}")
        for group_of, peak in ((self.text, TEXT_RATE), (self.vision, VISION_RATE)):
            for group in (group for optimizer in group_of for group in optimizer.param_groups):
                group["lr"] = rate_at(self.step, steps, peak * self.peak)
        visual = self.model.model.visual
        pixels, scenes = self.pool.batch(rng, PICTURES)
        with torch.autocast("cpu", torch.bfloat16):
            sight = see(visual, pixels)
            scores = self.heads(sight.tokens)
            rows = rows_of(rng, scenes, self.transcriber, confidences(scores))
            packed = pack(rows, self.transcriber, sight.grid, self.pad)
            loss, right = answers_loss(self.model, sight, packed)
            taught = heads_loss(scores, labels_of(scenes))
        (loss + HEADS_WEIGHT * taught).backward()
        if SILENT_PICTURES:
            pixels, scenes = self.pool.batch(rng, SILENT_PICTURES)
            with torch.autocast("cpu", torch.bfloat16):
                scores = self.heads(see(visual, pixels).tokens)
            (HEADS_WEIGHT * heads_loss(scores, labels_of(scenes))).backward()
        nn.utils.clip_grad_norm_([*self.model.parameters(), *self.heads.parameters()], 1.0)
        for optimizer in self._everyone:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        self.averaged.update_parameters(self.model)
        self.step += 1
        return loss.item(), right.item()
