"""Regions of a picture, as a shopper crops them: the crop, and the scene that is seen in it."""

import io
from dataclasses import dataclass, replace

from PIL import Image

from demo_model.pictures.facts import Scene, random_for, scene_of
from demo_model.pictures.products import Box
from demo_model.pictures.renderer import drawn, frame_for, size_of
from demo_model.pictures.setting import Setting

# The whole picture is drawn larger than training's, so that a crop has enough pixels.
WHOLE_UNIT = 48


@dataclass(frozen=True)
class Region:
    """A part of a picture. `box`: left, top, right and bottom in shares of the whole picture.
    `frame`: the shape that `picture` has, at training's size."""

    picture: Image.Image
    frame: str
    scene: Scene
    whole: Image.Image
    box: Box

    def jpeg(self) -> bytes:
        """The region as a file."""
        buffer = io.BytesIO()
        self.picture.save(buffer, "JPEG", quality=90)
        return buffer.getvalue()


def region(seed: int, which: int = 0, setting: Setting | None = None) -> Region:
    """The region around product `which` of the picture of a seed, in reading order. Its scene has
    that product alone. A neighbour may be cut off at the edge.

    Raises IndexError where the picture has no such product.
    """
    picture = drawn(seed, WHOLE_UNIT, setting=setting)
    scene = scene_of(seed, setting)
    whole = Image.open(io.BytesIO(picture.jpeg)).convert("RGB")
    margin = random_for(seed, f"region {which}").uniform(0.02, 0.1)
    box, frame = region_box(picture.boxes, which, whole.size, margin)
    across, down = whole.size
    crop = whole.crop(
        (
            round(box[0] * across),
            round(box[1] * down),
            round(box[2] * across),
            round(box[3] * down),
        )
    )
    fitted = crop.resize(size_of(frame), Image.Resampling.BICUBIC)
    return Region(fitted, frame, alone(scene, which), whole, box)


def region_box(
    boxes: tuple[Box, ...], which: int, size: tuple[int, int], margin: float
) -> tuple[Box, str]:
    """What is cropped around one of the products of a picture of `size` pixels, and the shape that
    it gets. `margin`: in shares of the picture, where no neighbour stands there."""
    others = [other for place, other in enumerate(boxes) if place != which]
    left, right, x_room = _span(boxes[which], others, 0, margin)
    top, bottom, y_room = _span(boxes[which], others, 1, margin)
    width, height = (right - left) * size[0], (bottom - top) * size[1]
    frame = frame_for(width, height)
    shape = size_of(frame)
    # Taken wider or higher up to the shape, as far as no neighbour comes in. The rest is resized.
    if width / height < shape[0] / shape[1]:
        left, right = _grown(left, right, height * shape[0] / shape[1] / size[0], x_room)
    else:
        top, bottom = _grown(top, bottom, width * shape[1] / shape[0] / size[1], y_room)
    return (left, top, right, bottom), frame


def alone(scene: Scene, which: int) -> Scene:
    """The scene with one of its products only."""
    return replace(scene, products=(scene.products[which],))


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
