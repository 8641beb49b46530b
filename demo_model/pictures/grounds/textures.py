"""Surface textures: tiles of brightness around 1.0. A person can tell them apart at 160 px.

Lengths are in percent of the picture's height, so that a texture looks the same at any size.
"""

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Field = NDArray[np.floating[Any]]

TILE = 48.0  # the side of a tile, after which the texture repeats


def noise(side: int, cells_x: int, cells_y: int, seed: int) -> Field:
    """Smooth periodic noise of mean 0 and spread about 1, `cells` bumps along each axis."""
    grid = np.random.default_rng(seed).normal(size=(cells_y, cells_x)).astype(np.float32)
    wrapped = np.pad(grid, 2, mode="wrap")
    scale_y, scale_x = side / cells_y, side / cells_x
    large = Image.fromarray(wrapped).resize(
        (round(scale_x * (cells_x + 4)), round(scale_y * (cells_y + 4))), Image.Resampling.BICUBIC
    )
    top, left = round(2 * scale_y), round(2 * scale_x)
    return np.asarray(large, dtype=np.float32)[top : top + side, left : left + side]


def _axes(side: int) -> tuple[Field, Field]:
    along = (np.arange(side, dtype=np.float32) + 0.5) / side * TILE
    return along[None, :], along[:, None]


def _leather(side: int) -> Field:
    """Pebbled leather: distance to the border between the two nearest points of a jittered grid."""
    cells = 15
    rng = np.random.default_rng(11)
    x, y = _axes(side)
    step = TILE / cells
    nearest = np.full((side, side), 1e9, dtype=np.float32)
    second = nearest.copy()
    jitter = rng.uniform(0.12, 0.88, size=(cells, cells, 2))
    column = (x / step).astype(int)
    row = (y / step).astype(int)
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            seeds = jitter[(row + dy) % cells, (column + dx) % cells]
            px = (column + dx + seeds[..., 0]) * step
            py = (row + dy + seeds[..., 1]) * step
            distance = np.hypot(px - x, py - y).astype(np.float32)
            second = np.minimum(second, np.maximum(distance, nearest))
            nearest = np.minimum(nearest, distance)
    crease = np.clip((second - nearest) / (0.34 * step), 0, 1)
    dome = np.clip(1 - nearest / (0.55 * step), 0, 1)
    return np.asarray(0.76 + 0.2 * crease + 0.16 * dome**2, dtype=np.float32)


def _canvas(side: int) -> Field:
    """Plain weave: horizontal and vertical threads on top alternately, like a chessboard."""
    x, y = _axes(side)
    cell = TILE / 19
    across, down = np.sin(np.pi * (x % cell) / cell), np.sin(np.pi * (y % cell) / cell)
    standing = ((x // cell) + (y // cell)) % 2 == 1
    thread = np.where(standing, 0.66 + 0.34 * across, 0.88 + 0.34 * down)
    return np.asarray(thread + 0.04 * noise(side, 30, 30, 3), dtype=np.float32)


def _denim(side: int) -> Field:
    """Steep diagonal twill with pale worn threads."""
    x, y = _axes(side)
    twill = np.sin(2 * np.pi * (x * 14 + y * 7) / TILE)
    worn = np.clip(noise(side, 40, 12, 5), 0, 2)
    faded = noise(side, 4, 4, 6)
    return np.asarray(0.94 + 0.2 * twill + 0.12 * worn + 0.10 * faded, dtype=np.float32)


def _knit(side: int) -> Field:
    """Columns of V-shaped stitches."""
    x, y = _axes(side)
    across = (x * 10 / TILE) % 1
    side_of_v = np.abs(across - 0.5) * 2
    stitch = (y * 14 / TILE - 0.55 * side_of_v) % 1
    yarn = np.sin(np.pi * stitch) ** 0.7
    groove = (
        1 - 0.5 * np.exp(-((side_of_v / 0.22) ** 2)) - 0.4 * np.exp(-(((1 - side_of_v) / 0.2) ** 2))
    )
    return np.asarray(0.5 + 0.68 * yarn * groove + 0.03 * noise(side, 50, 50, 7), dtype=np.float32)


def _cotton(side: int) -> Field:
    """Matt cloth: hardly any grain, a few soft folds."""
    return np.asarray(
        1 + 0.05 * noise(side, 3, 5, 8) + 0.015 * noise(side, 60, 60, 9), dtype=np.float32
    )


def _satin(side: int) -> Field:
    """Broad flowing folds with bright crests."""
    x, y = _axes(side)
    phase = x * 3 / TILE + y * 2 / TILE + 0.22 * noise(side, 4, 4, 10)
    wave = 0.5 + 0.5 * np.sin(2 * np.pi * phase)
    return np.asarray(0.62 + 0.35 * wave + 0.55 * wave**6, dtype=np.float32)


def _straw(side: int) -> Field:
    """Basket weave: square blocks of fibres, alternately horizontal and vertical."""
    x, y = _axes(side)
    block = TILE / 6
    standing = ((x // block) + (y // block)) % 2
    fibre = np.where(
        standing == 1, np.sin(2 * np.pi * 4 * x / block), np.sin(2 * np.pi * 4 * y / block)
    )
    bow_x, bow_y = np.sin(np.pi * (x % block) / block), np.sin(np.pi * (y % block) / block)
    bow = (
        np.where(standing == 1, bow_y, bow_x) ** 0.6 * np.where(standing == 1, bow_x, bow_y) ** 0.25
    )
    return np.asarray(
        0.5 + 0.6 * bow + 0.1 * fibre + 0.06 * noise(side, 16, 16, 12), dtype=np.float32
    )


def _metal(side: int) -> Field:
    """Brushed: fine streaks; the reflections come with the lighting."""
    return np.asarray(
        1 + 0.09 * noise(side, 3, 70, 13) + 0.05 * noise(side, 6, 120, 14), dtype=np.float32
    )


def _ceramic(side: int) -> Field:
    """Smooth glaze with a sprinkle of dark specks."""
    rng = np.random.default_rng(15)
    x, y = _axes(side)
    tile = np.ones((side, side), dtype=np.float32)
    for px, py, radius in rng.uniform((0, 0, 0.35), (TILE, TILE, 1.1), size=(80, 3)):
        near = np.hypot(x - px, y - py)
        tile -= 0.45 * np.clip(1.5 - near / radius, 0, 1).astype(np.float32)
    return np.clip(tile, 0.45, 1)


def _wood(side: int) -> Field:
    """Grain lines along x, bent by slow noise."""
    _, y = _axes(side)
    bent = y * 13 / TILE + 0.75 * noise(side, 2, 4, 16) + 0.16 * noise(side, 5, 12, 17)
    line = (0.5 + 0.5 * np.sin(2 * np.pi * bent)) ** 2
    return np.asarray(1.1 - 0.36 * line + 0.06 * noise(side, 6, 60, 18), dtype=np.float32)


def _plastic(side: int) -> Field:
    return np.ones((side, side), dtype=np.float32)


_MAKERS = {
    "leather": _leather,
    "canvas": _canvas,
    "denim": _denim,
    "knit": _knit,
    "cotton": _cotton,
    "satin": _satin,
    "straw": _straw,
    "metal": _metal,
    "ceramic": _ceramic,
    "wood": _wood,
    "plastic": _plastic,
}


@cache
def tile(material: str, pixels_per_percent: float) -> Field:
    """The tile of a material, `TILE * pixels_per_percent` pixels square."""
    return _MAKERS[material](round(TILE * pixels_per_percent))
