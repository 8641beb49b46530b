"""Pictures for tests: small, made on the spot, different on purpose."""

from io import BytesIO
from typing import Any

from PIL import Image


def picture(width: int = 64, height: int = 48, seed: int = 1) -> Image.Image:
    """Pixels that differ with the seed and under every turn."""
    made = Image.new("RGB", (width, height))
    made.putdata(
        [
            ((x * 5 + seed * 37) % 256, (y * 9) % 256, (x * y + seed) % 256)
            for y in range(height)
            for x in range(width)
        ]
    )
    return made


def encoded(made: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    target = BytesIO()
    made.save(target, kind, **options)
    return target.getvalue()
