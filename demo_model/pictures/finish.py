"""The look of a product's surface, and its placement in the picture."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from demo_model.pictures.shapes.geometry import Points

Pixels = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Finish:
    """How a product's main parts look."""

    colour: tuple[float, float, float]
    second: tuple[float, float, float]
    material: str
    pattern: str
    period: float  # of the pattern, in product units


@dataclass(frozen=True)
class Placement:
    """Maps product coordinates to pixels: pixel = matrix @ point + offset."""

    matrix: NDArray[np.float64]
    offset: NDArray[np.float64]

    def pixels(self, outline: Points) -> Points:
        return np.asarray(outline @ self.matrix.T + self.offset)

    @property
    def scale(self) -> float:
        return float(np.sqrt(abs(np.linalg.det(self.matrix))))


def pattern_share(finish: Finish, placement: Placement, xs: Pixels, ys: Pixels) -> Pixels:
    """The share of the second colour at each pixel, computed in product coordinates."""
    inverse = np.linalg.inv(placement.matrix).astype(np.float32)
    dx, dy = xs - np.float32(placement.offset[0]), ys - np.float32(placement.offset[1])
    u = (inverse[0, 0] * dx + inverse[0, 1] * dy) / finish.period
    v = (inverse[1, 0] * dx + inverse[1, 1] * dy) / finish.period
    if finish.pattern == "striped":
        return np.asarray((u % 1) < 0.45, dtype=np.float32)
    if finish.pattern == "checked":
        both = 0.5 * ((u % 1) < 0.5) + 0.5 * ((v % 1) < 0.5)
        return np.asarray(both, dtype=np.float32)
    shifted = u + 0.5 * (np.floor(v) % 2)
    distance = np.hypot(shifted % 1 - 0.5, v % 1 - 0.5)
    return np.asarray(np.clip((0.34 - distance) * 12, 0, 1), dtype=np.float32)
