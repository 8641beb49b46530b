"""Backgrounds of products: studio paper, a table by a wall, cloth, marble, a blurred room.

Also pictures without a product.
"""

from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from demo_model.pictures.grounds.textures import noise, tile

Pixels = NDArray[np.floating[Any]]
RGB = tuple[float, float, float]


def tint(rng: Random, low: float, high: float, spread: float = 0.05) -> Pixels:
    """A nearly grey colour."""
    level = rng.uniform(low, high)
    return np.array([level + rng.uniform(-spread, spread) for _ in range(3)], dtype=np.float32)


def any_colour(rng: Random, low: float = 0.15, high: float = 0.9) -> Pixels:
    """Any colour, now and then a vivid one."""
    colour = np.array([rng.uniform(low, high) for _ in range(3)], dtype=np.float32)
    grey = rng.choice([0.2, 0.5, 0.8])
    return np.asarray(colour * (1 - grey) + colour.mean() * grey, dtype=np.float32)


def as_bytes(colour: Pixels) -> tuple[int, int, int]:
    red, green, blue = (int(255 * min(1.0, max(0.0, float(value)))) for value in colour)
    return red, green, blue


def unit_axes(width: int, height: int) -> tuple[Pixels, Pixels]:
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    return x, y


def mix(a: Pixels, b: Pixels, share: Pixels) -> Pixels:
    return np.asarray(a * (1 - share[..., None]) + b * share[..., None], dtype=np.float32)


def cloud(rng: Random, width: int, height: int, cells: int) -> Pixels:
    """Smooth noise of any size."""
    grid = np.random.default_rng(rng.getrandbits(32)).normal(size=(cells + 3, cells + 3))
    picture = Image.fromarray(grid.astype(np.float32)).resize(
        (width, height), Image.Resampling.BICUBIC
    )
    return np.asarray(picture, dtype=np.float32)


def tiled(material: str, rng: Random, width: int, height: int) -> Pixels:
    texture = tile(material, height / 100)
    side = texture.shape[0]
    rows = (np.arange(height) + rng.randrange(side)) % side
    columns = (np.arange(width) + rng.randrange(side)) % side
    return np.asarray(texture[rows[:, None], columns[None, :]])


def studio(rng: Random, width: int, height: int) -> Pixels:
    x, y = unit_axes(width, height)
    centre, edge = tint(rng, 0.84, 0.99, 0.03), tint(rng, 0.62, 0.88, 0.05)
    share = np.clip(
        (x - rng.uniform(-0.3, 0.3)) ** 2 * 0.5 + (y - rng.uniform(-0.4, 0.2)) ** 2 * 0.5, 0, 1
    )
    return mix(centre, edge, share)


def coloured_paper(rng: Random, width: int, height: int) -> Pixels:
    x, y = unit_axes(width, height)
    base = np.array([rng.uniform(0.55, 0.92) for _ in range(3)], dtype=np.float32)
    base = base * 0.6 + base.mean() * 0.4
    share = np.clip(0.5 * (x * rng.uniform(-1, 1) + y + 1) * 0.6, 0, 1)
    return mix(base * 1.06, base * 0.8, share)


def table(rng: Random, width: int, height: int) -> Pixels:
    """A wall above, a wooden or stone table below."""
    _, y = unit_axes(width, height)
    horizon = rng.uniform(-0.1, 0.45)
    wall = tint(rng, 0.55, 0.9, 0.07)
    picture = np.broadcast_to(wall, (height, width, 3)) * (1.0 - 0.12 * (y + 1)[..., None])
    if rng.random() < 0.6:
        top = np.array([0.66, 0.50, 0.36], dtype=np.float32) * rng.uniform(0.65, 1.2)
        grain = 0.6 + 0.4 * tiled("wood", rng, width, height)
    else:
        top = tint(rng, 0.6, 0.9, 0.04)
        grain = 1 + 0.05 * cloud(rng, width, height, 10)
    surface = top * grain[..., None]
    share = np.clip((y - horizon) * 40, 0, 1)[..., None]
    return np.asarray(picture * (1 - share) + surface * share, dtype=np.float32)


def cloth(rng: Random, width: int, height: int) -> Pixels:
    weave = 0.75 + 0.25 * tiled("canvas", rng, width, height)
    folds = 1 + 0.09 * cloud(rng, width, height, 3)
    return np.asarray(tint(rng, 0.5, 0.9, 0.06) * (weave * folds)[..., None], dtype=np.float32)


def marble(rng: Random, width: int, height: int) -> Pixels:
    vein = np.abs(cloud(rng, width, height, 3) + 0.4 * cloud(rng, width, height, 9))
    share = np.clip(1 - vein * 5, 0, 1) * 0.35
    return mix(tint(rng, 0.86, 0.96, 0.02), tint(rng, 0.4, 0.6, 0.04), share)


def room(rng: Random, width: int, height: int) -> Pixels:
    """Blurred blocks of colour: an interior out of focus."""
    picture = Image.new("RGB", (64, 64), tuple(int(255 * c) for c in tint(rng, 0.5, 0.85, 0.06)))
    draw = ImageDraw.Draw(picture)
    for _ in range(rng.randint(5, 9)):
        x, y = rng.uniform(-10, 60), rng.uniform(-10, 50)
        fill = tuple(int(255 * c) for c in tint(rng, 0.3, 0.9, 0.12))
        draw.rectangle((x, y, x + rng.uniform(8, 34), y + rng.uniform(8, 40)), fill=fill)
    floor = tuple(int(255 * c) for c in np.array([0.6, 0.47, 0.36]) * rng.uniform(0.6, 1.3))
    draw.rectangle((0, rng.uniform(38, 50), 64, 64), fill=floor)
    soft = picture.filter(ImageFilter.GaussianBlur(3)).resize(
        (width, height), Image.Resampling.BICUBIC
    )
    return np.asarray(soft, dtype=np.float32) / 255


BACKDROPS = (studio, studio, studio, coloured_paper, table, table, cloth, marble, room)


def backdrop(rng: Random, width: int, height: int) -> Pixels:
    """A random background: floats 0 … 1, shape (height, width, 3)."""
    return np.array(np.clip(rng.choice(BACKDROPS)(rng, width, height), 0, 1), dtype=np.float32)


def landscape(rng: Random, width: int, height: int) -> Pixels:
    x, y = unit_axes(width, height)
    sky = np.array(
        [[0.35, 0.6, 0.92], [0.95, 0.7, 0.5], [0.75, 0.82, 0.9]][rng.randrange(3)], dtype=np.float32
    )
    pale = sky * 0.4 + 0.58
    picture = mix(sky, pale, np.broadcast_to(np.clip((y + 1) * 0.8, 0, 1), (height, width)))
    if rng.random() < 0.6:
        sun = np.clip(
            1.5 - np.hypot((x - rng.uniform(-0.7, 0.7)), y + rng.uniform(0.3, 0.7)) * 9, 0, 1
        )
        picture = mix(picture, np.array([1.0, 0.95, 0.75], dtype=np.float32), sun)
    for layer in range(rng.randint(2, 4)):
        level = -0.15 + 0.28 * layer
        ridge = (
            level
            + 0.22
            * noise(256, 4, 4, rng.getrandbits(30))[:1, np.linspace(0, 255, width).astype(int)]
        )
        base = [0.25 + rng.uniform(0, 0.2), 0.4 + rng.uniform(0, 0.15), 0.2 + 0.25 * rng.random()]
        hill = np.array(base, dtype=np.float32) * (1 - 0.15 * layer)
        picture = mix(picture, hill, np.clip((y - ridge) * 40, 0, 1))
    return picture * (1 + 0.05 * cloud(rng, width, height, 30))[..., None]


def static(rng: Random, width: int, height: int) -> Pixels:
    grain = np.random.default_rng(rng.getrandbits(32)).normal(0.5, 0.25, size=(height, width, 3))
    if rng.random() < 0.5:
        grain[...] = grain[..., :1]
    return grain.astype(np.float32)


def abstract(rng: Random, width: int, height: int) -> Pixels:
    picture = Image.new("RGB", (width, height), tuple(rng.randrange(256) for _ in range(3)))
    draw = ImageDraw.Draw(picture)
    for _ in range(rng.randint(6, 14)):
        x, y = rng.uniform(-0.2, 1) * width, rng.uniform(-0.2, 1) * height
        x1, y1 = x + rng.uniform(0.05, 0.7) * width, y + rng.uniform(0.05, 0.7) * height
        shape = rng.choice(["rectangle", "ellipse", "line"])
        getattr(draw, shape)((x, y, x1, y1), fill=tuple(rng.randrange(256) for _ in range(3)))
    return np.asarray(picture, dtype=np.float32) / 255


def empty(rng: Random, width: int, height: int) -> Pixels:
    return backdrop(rng, width, height)


def no_product(rng: Random, width: int, height: int) -> Pixels:
    """A picture without a product."""
    maker = rng.choice([landscape, landscape, static, abstract, empty])
    return np.array(np.clip(maker(rng, width, height), 0, 1), dtype=np.float32)
