"""Draws the picture of a seed. The same seed gives the same picture and the same facts."""

import io
import math
from dataclasses import dataclass
from random import Random

import numpy as np
from PIL import Image

from demo_model.pictures.camera import photograph
from demo_model.pictures.facts import Product, Scene, random_for, scene_of, stranger_to
from demo_model.pictures.flat import paper
from demo_model.pictures.grounds.backdrop import backdrop, no_product
from demo_model.pictures.grounds.surroundings import surroundings
from demo_model.pictures.products import Box, draw_product
from demo_model.pictures.setting import SHOP, Setting, setting_of
from demo_model.pictures.surface import Canvas

# Width and height in units of 32 px to which the processor resizes photos of 1:1, 4:3, 3:4, 16:9
# and 9:16, at the resolution of training.
FRAMES = {"square": (5, 5), "landscape": (5, 4), "portrait": (4, 5), "wide": (6, 3), "tall": (3, 6)}
TRAINING_UNIT = 32
SUPERSAMPLING = 2


@dataclass(frozen=True)
class Drawn:
    """A picture, and where its products are, in the order of the scene's."""

    jpeg: bytes
    boxes: tuple[Box, ...]


def frame_of(seed: int) -> str:
    """The shape of a seed's photo. Of eight five are square, one is landscape, one portrait, one
    wide or tall."""
    return {5: "landscape", 6: "portrait", 7: "wide" if seed & 8 else "tall"}.get(
        seed % 8, "square"
    )


def frame_for(width: float, height: float) -> str:
    """The shape that is nearest to a picture's own."""
    ratio = math.log(width / height)
    return min(FRAMES, key=lambda name: abs(math.log(FRAMES[name][0] / FRAMES[name][1]) - ratio))


def size_of(frame: str, unit: int = TRAINING_UNIT) -> tuple[int, int]:
    """Width and height in pixels."""
    columns, rows = FRAMES[frame]
    return columns * unit, rows * unit


def draw(scene: Scene, width: int, height: int, setting: Setting = SHOP) -> Drawn:
    """The picture of a scene, drawn at a larger size and reduced."""
    rng = random_for(scene.seed, "drawing")
    size = width * SUPERSAMPLING, height * SUPERSAMPLING
    boxes: tuple[Box, ...] = ()
    if not scene.products:
        canvas = Canvas(no_product(rng, *size), np.array([0.0, -1.0]))
    else:
        side = rng.choice([-1, 1]) * rng.uniform(0.3, 0.9)
        light = np.array([side, -1.0]) / np.hypot(side, 1)
        ground = paper if setting.drawn else surroundings if setting.lived_in else backdrop
        canvas = Canvas(ground(rng, *size), light)
        paint = _paint_one if len(scene.products) == 1 else _paint_two
        boxes = paint(canvas, scene, rng, setting)
    return Drawn(photograph(canvas.pixels, width, height, rng, setting), boxes)


def _paint_one(canvas: Canvas, scene: Scene, rng: Random, setting: Setting) -> tuple[Box, ...]:
    product = scene.products[0]
    shorter = min(canvas.width, canvas.height)
    if setting.cut_out:
        _paint_neighbour(canvas, product, rng)
        span = shorter * rng.uniform(0.42, 0.56)
        centre = (rng.uniform(0.44, 0.56), rng.uniform(0.44, 0.56))
    elif setting.anywhere:
        # A word must stay large enough to be read.
        span = shorter * rng.uniform(0.29 if product.words else 0.18, 0.48)
        centre = (_somewhere(rng, span / canvas.width), _somewhere(rng, span / canvas.height))
    else:
        span = shorter * rng.uniform(0.33, 0.43)
        centre = (rng.uniform(0.46, 0.54), rng.uniform(0.45, 0.52))
    return (draw_product(canvas, product, rng, centre, span, setting),)


def _somewhere(rng: Random, reach: float) -> float:
    """A place along an axis at which hardly anything is cut off."""
    room = max(0.0, 0.5 - 0.92 * reach)
    return 0.5 + rng.uniform(-room, room)


def _paint_neighbour(canvas: Canvas, product: Product, rng: Random) -> None:
    """Another product that is in the picture with its edge only."""
    centre = (rng.choice([-0.16, 1.16]), rng.uniform(0.2, 0.8))
    span = min(canvas.width, canvas.height) * rng.uniform(0.3, 0.42)
    draw_product(canvas, stranger_to(product, rng), rng, centre, span)


def _paint_two(canvas: Canvas, scene: Scene, rng: Random, setting: Setting) -> tuple[Box, ...]:
    upright = canvas.height > canvas.width
    span = max(canvas.width, canvas.height) * 0.225
    boxes = []
    smaller = rng.randrange(2) if setting.anywhere else None
    for index, product in enumerate(scene.products):
        place, beside, own = 0.27 + 0.46 * index, 0.5 if upright else 0.52, span
        if smaller is not None:
            own = span * (rng.uniform(0.55, 0.9) if index == smaller else rng.uniform(0.9, 1.12))
            place += rng.uniform(-0.03, 0.03)
            beside += rng.uniform(-0.12, 0.12)
        centre = (beside, place) if upright else (place, beside)
        boxes.append(draw_product(canvas, product, rng, centre, own, setting))
    return tuple(boxes)


def render_jpeg(
    seed: int,
    unit: int = TRAINING_UNIT,
    frame: str | None = None,
    setting: Setting | None = None,
) -> bytes:
    """The picture of a seed as JPEG; 32 units draw it at the size of training.

    `setting`: how it is taken, if not as `setting_of(seed)` says. SHOP is clean ground and good
    light.
    """
    return drawn(seed, unit, frame, setting).jpeg


def drawn(
    seed: int,
    unit: int = TRAINING_UNIT,
    frame: str | None = None,
    setting: Setting | None = None,
) -> Drawn:
    """The picture of a seed, and where its products are."""
    setting = setting or setting_of(seed)
    return draw(scene_of(seed, setting), *size_of(frame or frame_of(seed), unit), setting)


def render(
    seed: int,
    unit: int = TRAINING_UNIT,
    frame: str | None = None,
    setting: Setting | None = None,
) -> tuple[Image.Image, Scene]:
    """The picture and the facts of a seed, as `render_jpeg`."""
    picture = Image.open(io.BytesIO(render_jpeg(seed, unit, frame, setting))).convert("RGB")
    return picture, scene_of(seed, setting)
