"""Pictures for tests: small, made on the spot, different on purpose."""

from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image


def picture(width: int = 64, height: int = 48, seed: int = 1) -> Image.Image:
    """Pixels that differ with the seed and under every turn."""
    x, y = np.arange(width), np.arange(height)[:, None]
    made = np.empty((height, width, 3), np.uint8)
    made[:, :, 0] = (x * 5 + seed * 37) % 256
    made[:, :, 1] = y * 9 % 256
    made[:, :, 2] = (x % 256).astype(np.uint8) * (y % 256).astype(np.uint8) + np.uint8(seed % 256)
    return Image.fromarray(made)


def encoded(made: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    target = BytesIO()
    made.save(target, kind, **options)
    return target.getvalue()
