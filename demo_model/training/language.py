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
from transformers import Qwen2TokenizerFast, Qwen3VLForConditionalGeneration

from demo_model.language.drills import gift_drill, language_drill, name_drill, word_drill
from demo_model.pictures.facts import Scene
from demo_model.pictures.shards import PicturePool
from demo_model.training.conversations import Conversation, Transcriber, converse
from demo_model.training.heads import Heads, heads_loss, labels_of
from demo_model.training.packing import Packed, pack
from demo_model.training.tower import Sight, see
from demo_model.training.vision import (
    learning_rate,
    log,
    optimisers,
    save_state,
    validate,
)

PICTURES = 16
NAME_DRILLS = 4  # for each picture, all but one about its product
CONVERSATIONS = 3  # for each picture; longer rows cost more attention than they save photos
# The first token of an answer tells what the question was about, the first after a comma often the
# verdict. It is one token of thirty, so its loss weighs three times as much.
OPENING_WEIGHT = 3.0
TEXT_RATE = 1.2e-3
# The tower is already trained, but learns textures slowly. So it goes on to learn attributes, from
# more pictures a step than the conversations use.
VISION_RATE = 6e-4
SILENT_PICTURES = 24
HEADS_WEIGHT = 0.5
# The mean of the weights of about the last 100 steps answers better than those of any one step.
AVERAGE_DECAY = 0.99


def rows_of(
    rng: random.Random, scenes: list[Scene], transcriber: Transcriber
) -> list[list[Conversation]]:
    """Random conversations and drills, one row for each scene."""
    rows = []
    for scene in scenes:
        talks = [converse(rng, scene) for _ in range(CONVERSATIONS)]
        talks.append(([word_drill(rng)], False))
        talks.append(([gift_drill(rng, scene)], True))
        row = [transcriber.transcribe(turns, sees_photo=sees) for turns, sees in talks]
        # Without photos in drills the model was soon right without a photo, but not with one.
        photographed = scene.products[0] if len(scene.products) == 1 else None
        for product in [None, *[photographed] * (NAME_DRILLS - 1)]:
            opening = name_drill(rng, product)
            row.append(transcriber.transcribe_opening(opening, sees_photo=product is not None))
        row.append(transcriber.transcribe_opening(language_drill(rng, scene), sees_photo=True))
        rows.append(row)
    return rows


def averaged_over_steps(model: nn.Module) -> AveragedModel:
    """A copy of the model whose weights are a moving average, updated once a step."""
    return AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(AVERAGE_DECAY))


def answers_loss(
    model: Any, sight: Sight, packed: Packed, opening_weight: float = OPENING_WEIGHT
) -> tuple[Tensor, Tensor]:
    """Mean loss per answer token, and the share of answer tokens predicted correctly."""
    language = model.model.language_model
    tokens, *deepstack = (layer.flatten(0, 1) for layer in (sight.tokens, *sight.deepstack))
    embedded = language.embed_tokens(packed.ids)
    image = packed.image
    embedded = embedded.masked_scatter(image[..., None], tokens.to(embedded.dtype))
    # Added to the attention scores. Eager attention has the faster backward pass on a CPU.
    mask = torch.zeros(packed.mask.shape).masked_fill(~packed.mask, -1e9)
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


def train_language(
    model: Qwen3VLForConditionalGeneration,
    heads: Heads,
    tokenizer: Qwen2TokenizerFast,
    pool: PicturePool,
    work: Path,
    steps: int,
) -> None:
    """Train for `steps` batches. Continues from `work/language.pt` if that exists."""
    model.set_attn_implementation({"text_config": "eager"})
    averaged = averaged_over_steps(model)
    if shutil.which("g++"):  # compiling the layers' forward pass saves time: 0.43 → 0.25 s a step
        for layer in model.model.language_model.layers:
            layer.compile(dynamic=True)
    transcriber = Transcriber(tokenizer)
    visual = model.model.visual
    text = optimisers([model.model.language_model])
    vision = optimisers([visual, heads])
    everyone = [*text, *vision]
    state_path, step = work / "language.pt", 0
    if state_path.exists():
        state = torch.load(state_path)
        model.load_state_dict(state["model"])
        averaged.load_state_dict(state["averaged"])
        heads.load_state_dict(state["heads"])
        for optimizer, kept in zip(everyone, state["optimizers"], strict=True):
            optimizer.load_state_dict(kept)
        step = state["step"]
    pad = int(tokenizer.pad_token_id)
    started, losses, shares = time.monotonic(), [], []
    while step < steps:
        rng = random.Random(f"language:{step}")
        for group_of, peak in ((text, TEXT_RATE), (vision, VISION_RATE)):
            rate = learning_rate(step, steps, peak, peak / 100)
            for group in (group for optimizer in group_of for group in optimizer.param_groups):
                group["lr"] = rate
        pixels, scenes = pool.batch(rng, PICTURES)
        with torch.autocast("cpu", torch.bfloat16):
            sight = see(visual, pixels)
            packed = pack(rows_of(rng, scenes, transcriber), transcriber, sight.grid, pad)
            loss, right = answers_loss(model, sight, packed)
            taught = heads_loss(heads(sight.tokens), labels_of(scenes))
        (loss + HEADS_WEIGHT * taught).backward()
        if SILENT_PICTURES:
            pixels, scenes = pool.batch(rng, SILENT_PICTURES)
            with torch.autocast("cpu", torch.bfloat16):
                scores = heads(see(visual, pixels).tokens)
            (HEADS_WEIGHT * heads_loss(scores, labels_of(scenes))).backward()
        nn.utils.clip_grad_norm_([*model.parameters(), *heads.parameters()], 1.0)
        for optimizer in everyone:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        averaged.update_parameters(model)
        losses.append(loss.item())
        shares.append(right.item())
        step += 1
        if step % 50 == 0:
            elapsed = time.monotonic() - started
            log(work / "train.log", stage="language", step=step, pictures=pool.refresh(),
                loss=round(sum(losses) / len(losses), 4),
                tokens_right=round(sum(shares) / len(shares), 4),
                per_second=round(PICTURES * len(losses) / elapsed, 1))  # fmt: skip
            started, losses, shares = time.monotonic(), [], []
        if step % 400 == 0:
            log(work / "train.log", stage="language", step=step, held_out=validate(visual, heads))
        if step % 100 == 0 or step == steps:
            state = {"model": model.state_dict(), "averaged": averaged.state_dict()}
            state |= {"heads": heads.state_dict(), "step": step}
            kept = [optimizer.state_dict() for optimizer in everyone]
            save_state(state_path, {**state, "optimizers": kept})
            started = time.monotonic()
