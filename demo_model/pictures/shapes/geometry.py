"""Outlines in product coordinates: x to the right, y down, the product within -1 … 1."""

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]


def points(*pairs: tuple[float, float]) -> Points:
    return np.array(pairs, dtype=np.float64)


def ellipse(
    cx: float, cy: float, rx: float, ry: float, start: float = 0, end: float = 360
) -> Points:
    """An ellipse, or its arc from `start` to `end` degrees (0 is right, 90 is down)."""
    angle = np.radians(np.linspace(start, end, 48))
    return np.stack([cx + rx * np.cos(angle), cy + ry * np.sin(angle)], axis=1)


def rounded(corners: Points, radius: float) -> Points:
    """A closed polygon with its corners rounded by a quadratic curve of about `radius`."""
    out: list[Points] = []
    for before, corner, after in zip(
        np.roll(corners, 1, 0), corners, np.roll(corners, -1, 0), strict=True
    ):
        to_before, to_after = before - corner, after - corner
        reach_before = min(radius, float(np.linalg.norm(to_before)) / 2)
        reach_after = min(radius, float(np.linalg.norm(to_after)) / 2)
        start = corner + to_before / (np.linalg.norm(to_before) + 1e-9) * reach_before
        end = corner + to_after / (np.linalg.norm(to_after) + 1e-9) * reach_after
        t = np.linspace(0, 1, 6)[:, None]
        out.append((1 - t) ** 2 * start + 2 * t * (1 - t) * corner + t**2 * end)
    return np.concatenate(out)


def box(x0: float, y0: float, x1: float, y1: float, radius: float = 0.06) -> Points:
    return rounded(points((x0, y0), (x1, y0), (x1, y1), (x0, y1)), radius)


def curve(control: Points, *, closed: bool = True) -> Points:
    """A smooth Catmull-Rom curve through the control points."""
    padded = (
        np.concatenate([control[-1:], control, control[:2]])
        if closed
        else np.concatenate([control[:1], control, control[-1:]])
    )
    t = np.linspace(0, 1, 9)[:-1, None]
    out = []
    for p0, p1, p2, p3 in zip(padded, padded[1:], padded[2:], padded[3:], strict=False):
        out.append(
            0.5
            * (
                2 * p1
                + (p2 - p0) * t
                + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2
                + (3 * p1 - p0 - 3 * p2 + p3) * t**3
            )
        )
    if not closed:
        out.append(control[-1:])
    return np.concatenate(out)


def inset(outline: Points, amount: float) -> Points:
    """The outline shrunk towards its centre, for a seam."""
    centre = (outline.max(0) + outline.min(0)) / 2
    return np.asarray(centre + (outline - centre) * (1 - amount))
