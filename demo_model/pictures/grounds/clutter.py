"""Things that lie about at the edges of a picture: papers, pens, plates, cards, cables."""

from random import Random

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from demo_model.pictures.grounds.backdrop import Pixels, any_colour, as_bytes, tint


def clutter(rng: Random, pixels: Pixels) -> Pixels:
    """Things that lie about at the edges: papers, pens, plates, cards, cables. None is a product of
    the catalogue."""
    height, width = pixels.shape[:2]
    layer = Image.new("RGBA", (width, height))
    draw = ImageDraw.Draw(layer)
    for _ in range(rng.randint(1, 5)):
        x, y = rng.uniform(0, width), rng.uniform(0, height)
        if rng.random() < 0.75:  # mostly not behind the product
            x = rng.choice([rng.uniform(-0.08, 0.14), rng.uniform(0.86, 1.08)]) * width
        _thing(rng, draw, x, y, min(width, height))
    shadow = (
        layer.getchannel("A")
        .resize((width // 4, height // 4))
        .filter(ImageFilter.GaussianBlur(1.5 * height / 320))
    )
    moved = Image.new("L", shadow.size)
    moved.paste(shadow, (round(height / 160), round(height / 120)))
    dark = np.asarray(moved.resize((width, height)), np.float32)[..., None] / 255
    things = np.asarray(layer, np.float32) / 255
    shaded = pixels * (1 - 0.4 * dark)
    return np.asarray(shaded + (things[..., :3] - shaded) * things[..., 3:], dtype=np.float32)


def _thing(rng: Random, draw: ImageDraw.ImageDraw, x: float, y: float, side: int) -> None:
    fill = as_bytes(any_colour(rng, 0.1, 1.0))
    form = rng.choice(["paper", "plate", "pen", "card", "cable"])
    turn = rng.uniform(0, np.pi)
    along = np.array([np.cos(turn), np.sin(turn)])
    across = np.array([-along[1], along[0]])
    centre = np.array([x, y])
    if form in ("paper", "card", "pen"):
        long, wide = {"paper": (0.17, 0.12), "card": (0.09, 0.055), "pen": (0.15, 0.01)}[form]
        if form == "paper":
            fill = as_bytes(tint(rng, 0.82, 0.98, 0.03))
        corners = [(-1, -1), (1, -1), (1, 1), (-1, 1)]
        path = [centre + side * (a * long * along + b * wide * across) for a, b in corners]
        draw.polygon([(float(px), float(py)) for px, py in path], fill=fill)
        if form == "paper":
            for row in np.linspace(-0.75, 0.75, 6):
                ends = [
                    centre + side * (a * long * along + row * wide * across) for a in (-0.8, 0.7)
                ]
                draw.line(
                    [(float(px), float(py)) for px, py in ends], fill=(120, 120, 130), width=2
                )
    elif form == "plate":
        radius = side * rng.uniform(0.08, 0.2)
        draw.ellipse(
            (x - radius, y - radius, x + radius, y + radius), fill=as_bytes(tint(rng, 0.8, 0.98))
        )
        inner = radius * 0.68
        draw.ellipse(
            (x - inner, y - inner, x + inner, y + inner), fill=as_bytes(tint(rng, 0.7, 0.92))
        )
    else:
        steps = np.linspace(0, 1, 30)
        wave = np.sin(steps * rng.uniform(4, 11)) * side * 0.06
        path = [
            centre + side * 0.5 * (t - 0.5) * along + w * across
            for t, w in zip(steps, wave, strict=True)
        ]
        draw.line(
            [(float(px), float(py)) for px, py in path], fill=(40, 40, 44), width=max(2, side // 90)
        )
