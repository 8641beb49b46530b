"""First stage of training: the vision tower learns kinds, colours, materials and patterns."""

import math
import random
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from demo_model.pictures.facts import FIRST_HELD_OUT_SEED
from demo_model.pictures.renderer import render
from demo_model.pictures.shards import PicturePool
from demo_model.training.heads import Heads, heads_accuracy, heads_loss, labels_of
from demo_model.training.states import log, save_state
from demo_model.training.tower import see

BATCH = 64
LEARNING_RATE = 1e-3
WARM_UP = 150
# Validation uses seeds above those of `evaluate`.
VALIDATION_SEED = FIRST_HELD_OUT_SEED + 10_000_000


def learning_rate(step: int, steps: int, peak: float, floor: float) -> float:
    """Learning rate: linear warm-up, then a cosine from `peak` to `floor`."""
    if step < WARM_UP:
        return peak * (step + 1) / WARM_UP
    progress = min(1.0, (step - WARM_UP) / max(1, steps - WARM_UP))
    return floor + (peak - floor) * 0.5 * (1 + math.cos(math.pi * progress))


def optimisers(modules: list[nn.Module], weight_decay: float = 0.05) -> list[torch.optim.Optimizer]:
    """Muon for the matrices of the layers, AdamW for embeddings, mergers, heads and vectors."""
    named = {id(p): (name, p) for module in modules for name, p in module.named_parameters()}
    layers, others, vectors = [], [], []
    for name, parameter in named.values():
        if parameter.ndim < 2:
            vectors.append(parameter)
        elif parameter.ndim == 2 and name.startswith(("blocks.", "layers.")):
            layers.append(parameter)
        else:
            others.append(parameter)
    groups = [
        {"params": others, "weight_decay": weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    # Rescaled to the size of AdamW's steps, so that both use the same learning rate.
    muon = torch.optim.Muon(layers, weight_decay=weight_decay, adjust_lr_fn="match_rms_adamw")
    return [muon, torch.optim.AdamW(groups, lr=LEARNING_RATE, betas=(0.9, 0.98))]


def validate(visual: Any, heads: Heads, count: int = 256) -> dict[str, float]:
    pictures = [render(VALIDATION_SEED + i, frame="square") for i in range(count)]
    pixels = np.stack([np.asarray(image) for image, _ in pictures])
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        scores = heads(see(visual, pixels).tokens)
    return heads_accuracy(scores, labels_of([scene for _, scene in pictures]))


def train_vision(visual: Any, heads: Heads, pool: PicturePool, work: Path, steps: int) -> None:
    """Train for `steps` batches. Continues from `work/vision.pt` if that exists."""
    everyone = optimisers([visual, heads])
    state_path, step = work / "vision.pt", 0
    if state_path.exists():
        state = torch.load(state_path)
        visual.load_state_dict(state["visual"])
        heads.load_state_dict(state["heads"])
        for optimizer, kept in zip(everyone, state["optimizers"], strict=True):
            optimizer.load_state_dict(kept)
        step = state["step"]
    started, losses = time.monotonic(), []
    while step < steps:
        rng = random.Random(step)
        rate = learning_rate(step, steps, LEARNING_RATE, LEARNING_RATE / 8)
        for group in (group for optimizer in everyone for group in optimizer.param_groups):
            group["lr"] = rate
        # Small pictures first: they are cheaper, and enough to learn kinds and colours.
        pixels, scenes = pool.batch(rng, BATCH, thumbnails=0.7 if step < steps * 0.4 else 0.12)
        with torch.autocast("cpu", torch.bfloat16):
            scores = heads(see(visual, pixels).tokens)
        loss = heads_loss(scores, labels_of(scenes))
        loss.backward()
        nn.utils.clip_grad_norm_([*visual.parameters(), *heads.parameters()], 1.0)
        for optimizer in everyone:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        losses.append(loss.item())
        step += 1
        if step % 50 == 0:
            per_second = BATCH * len(losses) / (time.monotonic() - started)
            mean = sum(losses) / len(losses)
            figures = heads_accuracy(scores, labels_of(scenes))
            pool.refresh()
            log(work / "train.log", stage="vision", step=step, loss=round(mean, 3),
                per_second=round(per_second, 1), pictures=pool.size, batch=figures)  # fmt: skip
            started, losses = time.monotonic(), []
        if step % 200 == 0 or step == steps:
            log(work / "train.log", stage="vision", step=step, held_out=validate(visual, heads))
            state = {"visual": visual.state_dict(), "heads": heads.state_dict()}
            kept = [optimizer.state_dict() for optimizer in everyone]
            save_state(state_path, {**state, "optimizers": kept, "step": step})
            started = time.monotonic()
