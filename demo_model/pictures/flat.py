"""A product as people draw it: flat colours within a line, no light, no material."""

from random import Random

import numpy as np
from PIL import Image, ImageDraw

from demo_model.pictures.finish import Finish, Pixels, Placement, pattern_share
from demo_model.pictures.shapes.geometry import Points
from demo_model.pictures.shapes.parts import Drawing
from demo_model.pictures.surface import STUFF, Canvas, part_mask


def paper(rng: Random, width: int, height: int) -> Pixels:
    """White or cream paper, or a screen's white; now and then with a grid or lines."""
    level = rng.choice([1.0, 1.0, 0.97, 0.94])
    sheet = np.full((height, width, 3), level, dtype=np.float32)
    if rng.random() < 0.3:
        sheet *= np.array([1.0, 0.98, 0.92], dtype=np.float32)
    if rng.random() < 0.15:
        step = round(height * rng.uniform(0.05, 0.1))
        sheet[::step] *= 0.86
        if rng.random() < 0.5:
            sheet[:, ::step] *= 0.86
    return sheet


def draw_flat(
    canvas: Canvas, drawing: Drawing, placement: Placement, finish: Finish, rng: Random
) -> None:
    """Paint a product's parts flat, with outlines that are not quite straight."""
    ink = rng.choice([(20, 20, 24), (40, 40, 60), (90, 60, 40)])
    line = rng.choice([0.0, 0.6, 1.0, 1.6]) * canvas.percent
    wobble = rng.choice([0.0, 0.0, 0.6, 1.2]) * canvas.percent
    image = Image.fromarray((np.clip(canvas.pixels, 0, 1) * 255).astype(np.uint8))
    size = (canvas.width, canvas.height)
    xs = np.arange(canvas.width, dtype=np.float32)[None, :]
    ys = np.arange(canvas.height, dtype=np.float32)[:, None]
    for part in drawing.parts:
        darker = {"accent": 0.75, "lining": 0.4}.get(part.role, 1.0)
        base = STUFF.get(part.role, finish.colour)
        shaky = Placement(placement.matrix, placement.offset + _shake(rng, wobble))
        mask = part_mask(part, shaky, size, np.zeros(2))
        image.paste(_rgb(base, darker), mask=mask)
        if part.role == "main" and finish.pattern != "plain":
            share = np.broadcast_to(pattern_share(finish, shaky, xs, ys), size[::-1])
            both = Image.fromarray((share * np.asarray(mask)).astype(np.uint8))
            image.paste(_rgb(finish.second), mask=both)
        if line and not part.stroke:
            path = _uneven(shaky.pixels(part.outline), wobble, rng)
            ImageDraw.Draw(image).line(
                [(float(x), float(y)) for x, y in [*path, path[0]]],
                fill=ink,
                width=max(1, round(line)),
                joint="curve",
            )
    canvas.pixels[...] = np.asarray(image, dtype=np.float32) / 255


def _shake(rng: Random, wobble: float) -> Points:
    return np.array([rng.gauss(0, 0.4), rng.gauss(0, 0.4)]) * wobble


def _uneven(path: Points, wobble: float, rng: Random) -> Points:
    """The path of a hand that is not quite sure."""
    if not wobble:
        return path
    steps = np.linspace(0, 2 * np.pi, len(path))
    wave = np.sin(steps * rng.randint(2, 5) + rng.uniform(0, 6))
    return np.asarray(path + wobble * 0.7 * np.stack([wave, np.roll(wave, len(path) // 4)], 1))


def _rgb(colour: tuple[float, float, float], share: float = 1.0) -> tuple[int, int, int]:
    red, green, blue = (int(255 * share * value) for value in colour)
    return red, green, blue
