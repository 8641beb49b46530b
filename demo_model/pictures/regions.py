"""Regions of a picture, as a shopper crops them: the crop, and the scene that is seen in it."""

import io
from dataclasses import dataclass

from PIL import Image

from demo_model.pictures.facts import Scene, random_for, scene_of
from demo_model.pictures.products import Box
from demo_model.pictures.renderer import TRAINING_UNIT, drawn, frame_for, size_of
from demo_model.pictures.setting import Setting

# The whole picture is drawn larger than training's, so that a crop has enough pixels.
WHOLE_UNIT = 2 * TRAINING_UNIT


@dataclass(frozen=True)
class Region:
    """A part of a picture. `box`: left, top, right and bottom in shares of the whole picture.
    `frame`: the shape that `picture` has, at training's size."""

    picture: Image.Image
    frame: str
    scene: Scene
    whole: Image.Image
    box: Box


def region(seed: int, which: int = 0, setting: Setting | None = None) -> Region:
    """The region around product `which` of the picture of a seed, in reading order. Its scene has
    that product alone. A neighbour may be cut off at the edge.

    Raises IndexError where the picture has no such product.
    """
    picture = drawn(seed, WHOLE_UNIT, setting=setting)
    scene = scene_of(seed, setting)
    product, box = scene.products[which], picture.boxes[which]
    whole = Image.open(io.BytesIO(picture.jpeg)).convert("RGB")
    rng = random_for(seed, f"region {which}")
    others = [other for place, other in enumerate(picture.boxes) if place != which]
    margin = rng.uniform(0.02, 0.1)
    left, right, x_room = _span(box, others, 0, margin)
    top, bottom, y_room = _span(box, others, 1, margin)
    frame = frame_for((right - left) * whole.width, (bottom - top) * whole.height)
    width, height = size_of(frame)
    # Taken wider or higher up to the shape, as far as no neighbour comes in. The rest is resized.
    missing = width / height - (right - left) * whole.width / ((bottom - top) * whole.height)
    if missing > 0:
        wanted = (bottom - top) * whole.height * width / height / whole.width
        left, right = _grown(left, right, wanted, x_room)
    else:
        wanted = (right - left) * whole.width * height / width / whole.height
        top, bottom = _grown(top, bottom, wanted, y_room)
    edges = (left * whole.width, top * whole.height, right * whole.width, bottom * whole.height)
    crop = whole.crop((round(edges[0]), round(edges[1]), round(edges[2]), round(edges[3])))
    fitted = crop.resize((width, height), Image.Resampling.BICUBIC)
    alone = Scene(seed, (product,), drawn=scene.drawn)
    return Region(fitted, frame, alone, whole, (left, top, right, bottom))


def _span(
    box: Box, others: list[Box], axis: int, margin: float
) -> tuple[float, float, tuple[float, float]]:
    """Start and end along an axis, and how far both may go: a quarter into a neighbour at most."""
    low, high = 0.0, 1.0
    for other in others:
        start, end = other[axis], other[axis + 2]
        if start >= box[axis + 2] - 0.04:
            high = min(high, start + 0.25 * (end - start))
        elif end <= box[axis] + 0.04:
            low = max(low, end - 0.25 * (end - start))
    start, end = max(low, box[axis] - margin), min(high, box[axis + 2] + margin)
    return start, end, (low, high)


def _grown(
    start: float, end: float, wanted: float, room: tuple[float, float]
) -> tuple[float, float]:
    """The span made as long as wanted, to both sides alike if there is room."""
    wanted = min(wanted, room[1] - room[0])
    start = min(max(room[0], (start + end - wanted) / 2), room[1] - wanted)
    return start, start + wanted
