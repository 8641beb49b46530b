"""Where people take pictures: tables, floors, walls, shelves, beds, lawns, with things about."""

from random import Random

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from demo_model.pictures.grounds.backdrop import (
    Pixels,
    any_colour,
    as_bytes,
    cloud,
    landscape,
    mix,
    tiled,
    tint,
    unit_axes,
)
from demo_model.pictures.grounds.clutter import clutter


def _cells(count: float, size: int, rng: Random) -> tuple[Pixels, Pixels]:
    """Number of the cell and place in it, 0 … 1, along an axis."""
    at = np.linspace(0, count, size, dtype=np.float32) + np.float32(rng.random())
    return np.floor(at), at % 1


def _random_levels(rng: Random, rows: Pixels, columns: Pixels, spread: float) -> Pixels:
    """A brightness for each cell of a grid."""
    table = np.random.default_rng(rng.getrandbits(32)).normal(1, spread, size=(97, 97))
    return np.asarray(table[rows.astype(int) % 97, columns.astype(int) % 97], dtype=np.float32)


def planks(rng: Random, width: int, height: int) -> Pixels:
    """A wooden table or floor, seen from above."""
    wood: Pixels = np.array([0.62, 0.45, 0.31], dtype=np.float32)
    wood = (wood * 0.8 + any_colour(rng) * 0.2) * rng.uniform(0.45, 1.35)
    board, place = _cells(rng.uniform(3, 8), height, rng)
    level = _random_levels(rng, board[:, None], np.zeros((1, 1)), 0.12)
    gap = 1 - 0.45 * (place < 0.05)
    grain = 0.55 + 0.45 * tiled("wood", rng, width, height)
    picture = wood * (grain * level * gap[:, None])[..., None]
    return picture if rng.random() < 0.6 or width != height else picture.transpose(1, 0, 2)


def tiles(rng: Random, width: int, height: int) -> Pixels:
    """Kitchen or bathroom tiles, or bricks."""
    bricks = rng.random() < 0.4
    base = (
        np.array([0.58, 0.31, 0.24], np.float32) * rng.uniform(0.7, 1.3)
        if bricks
        else any_colour(rng, 0.3, 0.98)
    )
    count = rng.uniform(4, 9)
    rows, v = _cells(count * (1.6 if bricks else 1), height, rng)
    at = np.linspace(0, count * width / height * 0.8, width, dtype=np.float32)[None, :]
    at = at + (0.5 * (rows % 2) if bricks else np.zeros_like(rows))[:, None]
    u, columns = at % 1, np.floor(at)
    joint = ((u < 0.06) | (v[:, None] < 0.06)).astype(np.float32)
    levels = _random_levels(
        rng, np.broadcast_to(rows[:, None], at.shape), columns, 0.1 if bricks else 0.03
    )
    return mix(base * levels[..., None], tint(rng, 0.55, 0.85, 0.03), joint)


def rug(rng: Random, width: int, height: int) -> Pixels:
    """A patterned carpet, tablecloth or wallpaper, in two colours that are near to each other or
    far."""
    x, y = unit_axes(width, height)
    a, b = any_colour(rng), any_colour(rng)
    near = rng.uniform(0.2, 1)
    b = a * (1 - near) + b * near
    turn, period = rng.uniform(0, np.pi), rng.uniform(5, 16)
    u = (x * np.cos(turn) + y * np.sin(turn)) * period
    v = (y * np.cos(turn) - x * np.sin(turn)) * period
    form = rng.randrange(4)
    if form == 0:
        share = 0.5 + 0.5 * np.sign(np.sin(u))
    elif form == 1:
        share = 0.5 + 0.5 * np.sin(u) * np.sin(v)
    elif form == 2:
        share = ((np.abs(u % 2 - 1) + np.abs(v % 2 - 1)) < 0.9).astype(np.float32)
    else:
        share = np.clip(np.sin(u + 1.5 * np.sin(v)) * 3, 0, 1)
    weave = 0.86 + 0.14 * tiled("canvas", rng, width, height)
    share = np.broadcast_to(share, (height, width)).astype(np.float32)
    return mix(a, b, share) * weave[..., None]


def lawn(rng: Random, width: int, height: int) -> Pixels:
    """Grass, sand, gravel or asphalt."""
    base = np.array(
        rng.choice([(0.28, 0.42, 0.16), (0.76, 0.67, 0.5), (0.5, 0.48, 0.46), (0.3, 0.31, 0.33)]),
        dtype=np.float32,
    )
    fine = np.random.default_rng(rng.getrandbits(32)).normal(
        0, 1, (height // 3 + 1, width // 3 + 1)
    )
    grit = Image.fromarray(fine.astype(np.float32)).resize(
        (width, height), Image.Resampling.BILINEAR
    )
    level = 1 + 0.13 * np.asarray(grit, np.float32) + 0.1 * cloud(rng, width, height, 6)
    return np.asarray(base * level[..., None] * rng.uniform(0.8, 1.25), dtype=np.float32)


def bedding(rng: Random, width: int, height: int) -> Pixels:
    """Sheets or a thick cloth in folds."""
    x, y = unit_axes(width, height)
    bend = 1.6 * cloud(rng, width, height, 2)
    fold = np.sin((x * rng.uniform(-4, 4) + y * rng.uniform(2, 6)) + bend)
    level = 0.88 + 0.1 * fold + 0.05 * cloud(rng, width, height, 8)
    return np.asarray(any_colour(rng, 0.12, 0.98) * level[..., None], dtype=np.float32)


def wall(rng: Random, width: int, height: int) -> Pixels:
    """A painted wall, a floor or a shelf below, and light that falls in from a side."""
    x, y = unit_axes(width, height)
    horizon = rng.uniform(0.2, 0.75)
    upper, lower = any_colour(rng, 0.25, 0.95), any_colour(rng, 0.15, 0.8)
    below = np.clip((y - horizon) * 60, 0, 1)
    picture = mix(upper, lower, np.broadcast_to(below, (height, width)))
    strip = np.exp(-(((y - horizon) / 0.03) ** 2)) * 0.35
    side = 1 + rng.uniform(-0.3, 0.3) * x + rng.uniform(-0.15, 0.1) * y
    picture = picture * (side * (1 - strip))[..., None]
    if rng.random() < 0.4:  # a window's light on the wall
        left, top = rng.uniform(-0.8, 0.3), rng.uniform(-0.9, -0.1)
        skew = x + 0.4 * y
        lit = (np.abs(skew - left - 0.3) < 0.3) & (np.abs(y - top) < 0.4)
        cross = (np.abs(skew - left - 0.3) > 0.025) & (np.abs(y - top) > 0.03)
        picture = picture * (1 + 0.28 * (lit & cross))[..., None]
    return np.asarray(picture, dtype=np.float32)


def gradient(rng: Random, width: int, height: int) -> Pixels:
    """Two colours that run into each other, as pages have behind products."""
    x, y = unit_axes(width, height)
    turn = rng.uniform(0, 2 * np.pi)
    share = 0.5 + 0.5 * np.tanh((x * np.cos(turn) + y * np.sin(turn)) * rng.uniform(0.6, 2.5))
    return mix(
        any_colour(rng, 0.1, 1.0),
        any_colour(rng, 0.1, 1.0),
        np.broadcast_to(share, (height, width)),
    )


def outdoors(rng: Random, width: int, height: int) -> Pixels:
    """A landscape out of focus."""
    small = landscape(rng, width // 4, height // 4)
    picture = Image.fromarray((np.clip(small, 0, 1) * 255).astype(np.uint8))
    soft = picture.filter(ImageFilter.GaussianBlur(rng.uniform(0.5, 3)))
    return np.asarray(soft.resize((width, height), Image.Resampling.BICUBIC), np.float32) / 255


def shelf(rng: Random, width: int, height: int) -> Pixels:
    """Shelves with books and boxes, more or less out of focus."""
    shade = 4  # drawn smaller: it is out of focus
    picture = Image.new(
        "RGB", (width // shade, height // shade), as_bytes(any_colour(rng, 0.2, 0.9))
    )
    draw = ImageDraw.Draw(picture)
    rows = rng.randint(2, 4)
    step = picture.height / rows
    for row in range(rows):
        x = rng.uniform(-4, 6)
        while x < picture.width:
            wide, tall = rng.uniform(0.04, 0.16) * picture.width, rng.uniform(0.5, 0.88) * step
            foot = (row + 0.92) * step
            draw.rectangle(
                (x, foot - tall, x + wide, foot), fill=as_bytes(any_colour(rng, 0.1, 0.95))
            )
            x += wide + (rng.uniform(0, 8) if rng.random() < 0.3 else 1)
        draw.rectangle(
            (0, (row + 0.92) * step, picture.width, (row + 1) * step),
            fill=as_bytes(any_colour(rng)),
        )
    soft = picture.filter(ImageFilter.GaussianBlur(rng.uniform(0.4, 2.2)))
    return np.asarray(soft.resize((width, height), Image.Resampling.BICUBIC), np.float32) / 255


GROUNDS = (planks, planks, tiles, rug, lawn, bedding, wall, wall, gradient, outdoors, shelf)
SURFACES = (planks, tiles, rug, lawn, bedding, wall)


def surroundings(rng: Random, width: int, height: int) -> Pixels:
    """A random background: floats 0 … 1, shape (height, width, 3)."""
    maker = rng.choice(GROUNDS)
    picture = np.clip(maker(rng, width, height), 0, 1)
    picture = picture * (1 + 0.12 * np.tanh(cloud(rng, width, height, 2)))[..., None]
    if maker in SURFACES and rng.random() < 0.6:
        picture = clutter(rng, picture)
    return np.array(np.clip(picture, 0, 1), dtype=np.float32)
