"""Brings pictures of any kind and size into one of the five shapes that the model is trained on."""

from pathlib import Path
from random import Random

import numpy as np
from PIL import Image, ImageOps

from demo_model.pictures.grounds.backdrop import backdrop
from demo_model.pictures.renderer import FRAMES, frame_for, size_of

# Smaller pictures are bullets and buttons, which nobody would photograph.
SMALLEST_SIDE = 56
# Nothing that is seen at training's size needs more pixels to start from.
LARGEST_SIDE = 1600
MOST_PIXELS = 50_000_000  # whose memory a small machine has
FLAT = 20  # levels of 256


def opened(path: Path) -> Image.Image | None:
    """A picture file as RGB or RGBA, or None if it is none, too small or too flat."""
    try:
        with Image.open(path) as file:
            if min(file.size) < SMALLEST_SIDE or file.width * file.height > MOST_PIXELS:
                return None
            if file.mode.startswith(("I", "F")):
                return None
            file.draft("RGB", (LARGEST_SIDE, LARGEST_SIDE))
            file.load()
            clear = file.mode in ("RGBA", "LA", "PA") or "transparency" in file.info
            picture = ImageOps.exif_transpose(file).convert("RGBA" if clear else "RGB")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return None
    picture.thumbnail((LARGEST_SIDE, LARGEST_SIDE), Image.Resampling.BOX)
    if clear and picture.getchannel("A").getextrema()[0] == 255:
        picture, clear = picture.convert("RGB"), False
    if clear:
        # Clip art often lies in the middle of an empty sheet.
        drawn = picture.getchannel("A").point(lambda alpha: 255 * (alpha > 16)).getbbox()
        picture = picture.crop(drawn) if drawn else picture
    shown = on_white(picture) if picture.mode == "RGBA" else picture
    return None if min(picture.size) < SMALLEST_SIDE // 2 or is_flat(shown) else picture


def is_flat(picture: Image.Image) -> bool:
    """Whether there is hardly anything to see: a piece of sky, an empty sheet."""
    return float(np.ptp(np.asarray(picture.convert("L").resize((24, 24))))) < FLAT


def on_white(picture: Image.Image) -> Image.Image:
    """Transparency flattened on white, as photos are that reach the model."""
    canvas = Image.new("RGB", picture.size, "white")
    canvas.paste(picture.convert("RGB"), mask=picture.getchannel("A"))
    return canvas


def view(picture: Image.Image, number: int, kind: str, rng: Random) -> tuple[Image.Image, str]:
    """One of several pictures that a file gives, and its shape. The first shows all of it, others
    show a part of a photograph, or a cut-out on another background."""
    if picture.mode == "RGBA":
        return _placed(picture, number, rng)
    if number:
        picture = _part(picture, rng, smallest=0.35 if kind == "photograph" else 0.5)
    frame = frame_for(*picture.size)
    return ImageOps.fit(picture, size_of(frame), Image.Resampling.LANCZOS), frame


def _part(picture: Image.Image, rng: Random, smallest: float) -> Image.Image:
    side = rng.uniform(smallest, 0.9)
    columns, rows = FRAMES[rng.choice(list(FRAMES))]
    width, height = picture.width * side, picture.height * side
    width, height = min(width, height * columns / rows), min(height, width * rows / columns)
    left, top = rng.uniform(0, picture.width - width), rng.uniform(0, picture.height - height)
    return picture.crop((round(left), round(top), round(left + width), round(top + height)))


def _placed(picture: Image.Image, number: int, rng: Random) -> tuple[Image.Image, str]:
    """A cut-out on white, on paper of a colour, or on a background that products have, too: so
    that the background does not tell who is in front of it."""
    frame = frame_for(*picture.size) if number == 0 else rng.choice(list(FRAMES))
    width, height = size_of(frame)
    if number == 0:
        canvas = Image.new("RGB", (width, height), "white")
    elif number % 3 == 1:
        pixels = backdrop(rng, width, height)
        canvas = Image.fromarray((np.clip(pixels, 0, 1) * 255).astype(np.uint8))
    else:
        paper = (rng.randint(150, 255), rng.randint(150, 255), rng.randint(150, 255))
        canvas = Image.new("RGB", (width, height), paper)
    share = rng.uniform(0.6, 0.98) if number else 0.98
    scale = min(width * share / picture.width, height * share / picture.height)
    size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    # Premultiplied, so that the colour of clear pixels does not leak into the edges.
    small = picture.convert("RGBa").resize(size, Image.Resampling.LANCZOS).convert("RGBA")
    left = round((width - size[0]) * (rng.random() if number else 0.5))
    top = round((height - size[1]) * (rng.random() if number else 0.5))
    canvas.paste(small, (left, top), small)
    return canvas, frame
