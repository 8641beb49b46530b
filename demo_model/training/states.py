"""States of training on disk: small, whole at any time, and told as a curve."""

import json
import os
import time
from pathlib import Path
from typing import Any

import torch
from PIL import Image, ImageDraw
from torch import Tensor


def save_state(path: Path, state: dict[str, Any]) -> None:
    """Written beside and renamed, so that a kill leaves the old one or the new one."""
    partial = path.with_suffix(".partial")
    torch.save(state, partial)
    os.replace(partial, path)


def halved(state: Any) -> Any:
    """The same with float32 tensors as bfloat16: for what need not be exact to go on."""
    if isinstance(state, Tensor):
        return state.bfloat16() if state.dtype == torch.float32 and state.ndim else state
    if isinstance(state, dict):
        return {key: halved(value) for key, value in state.items()}
    return [halved(value) for value in state] if isinstance(state, list) else state


def log(path: Path, *, quiet: bool = False, **entry: Any) -> None:
    line = json.dumps({"at": time.strftime("%H:%M:%S"), **entry})
    if not quiet:
        print(line, flush=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(line + "\n")


def draw_curve(log_file: Path, picture: Path, key: str = "loss", stage: str = "language") -> None:
    """The logged values of `key` over steps, as a picture. The scale is logarithmic."""
    points: dict[int, float] = {}
    for line in log_file.read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        if entry.get("stage") == stage and key in entry:
            points[entry["step"]] = entry[key]
    if len(points) < 2:
        return
    width, height, margin = 900, 420, 50
    steps, values = zip(*sorted(points.items()), strict=True)
    low, high = min(values) * 0.95, max(values) * 1.05
    image = Image.new("RGB", (width, height), "white")
    pen = ImageDraw.Draw(image)

    def place(step: float, value: float) -> tuple[float, float]:
        share = torch.log(torch.tensor([low, value, high])).tolist()
        down = (share[2] - share[1]) / (share[2] - share[0])
        across = (step - steps[0]) / max(1, steps[-1] - steps[0])
        return margin + across * (width - 2 * margin), margin + down * (height - 2 * margin)

    for part in range(5):
        value = low * (high / low) ** (part / 4)
        level = place(steps[0], value)[1]
        pen.line([(margin, level), (width - margin, level)], fill=(220, 220, 220))
        pen.text((4, level - 6), f"{value:.3f}", fill="black")
        step = steps[0] + (steps[-1] - steps[0]) * part / 4
        pen.text((place(step, low)[0] - 10, height - margin + 8), f"{step:.0f}", fill="black")
    pen.text((margin, 14), f"{stage}: {key} by step", fill="black")
    curve = [place(step, value) for step, value in zip(steps, values, strict=True)]
    pen.line(curve, fill=(30, 90, 200), width=2)
    image.save(picture)
