"""What light, lens, camera and file do to a picture before the model sees it."""

import io
from random import Random

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from demo_model.pictures.setting import SHOP, Setting

Floats = NDArray[np.float32]

# Linear values of a colour space → linear sRGB, with D65 as white. Computed from the primaries of
# SMPTE EG 432-1, Adobe RGB (1998) and ROMM RGB (adapted from D50 by Bradford's method).
TO_SRGB = {
    "Display P3": ((1.2249, -0.2249, 0.0), (-0.0420, 1.0420, 0.0), (-0.0197, -0.0786, 1.0983)),
    "Adobe RGB": ((1.3984, -0.3984, 0.0), (0.0, 1.0, 0.0), (0.0, -0.0429, 1.0429)),
    "ProPhoto RGB": (
        (2.0344, -0.7276, -0.3067),
        (-0.2288, 1.2317, -0.0029),
        (-0.0086, -0.1533, 1.1618),
    ),
}
# How far colours are taken out towards the wider space: not every colour of a file is beyond sRGB.
REACH = {"Display P3": 1.0, "Adobe RGB": 0.8, "ProPhoto RGB": 0.35}


def photograph(
    pixels: Floats, width: int, height: int, rng: Random, setting: Setting = SHOP
) -> bytes:
    """Floats 0 … 1 of any size → a JPEG of `width` x `height`: exposure, colour cast, vignette,
    noise, and what the setting has beyond them."""
    cast = np.array(
        [1 + rng.uniform(-0.03, 0.03), 1.0, 1 + rng.uniform(-0.04, 0.04)], dtype=np.float32
    )
    x = np.linspace(-1, 1, pixels.shape[1], dtype=np.float32)[None, :]
    y = np.linspace(-1, 1, pixels.shape[0], dtype=np.float32)[:, None]
    vignette = 1 - rng.uniform(0, 0.12) * (x * x + y * y)
    exposed = pixels * (cast * rng.uniform(0.92, 1.06)) * vignette[..., None]
    image = Image.fromarray((np.clip(exposed, 0, 1) * 255).astype(np.uint8))
    image = image.resize((width, height), Image.Resampling.BOX)
    if setting.cut_out:
        image = _enlarged(image, rng.uniform(0.5, 1.0))
    loudest, quality = 3.0, (70, 95)
    if setting.camera:
        image = _seen_badly(image, setting.camera, rng)
        loudest = {"dim": 8.0, "noisy": 13.0}.get(setting.camera, loudest)
        quality = (18, 45) if setting.camera == "squeezed" else quality
    small = np.asarray(image, dtype=np.float32)
    if setting.gamut:
        small = from_gamut(small, setting.gamut)
    grain = np.random.default_rng(rng.getrandbits(32)).normal(
        0, rng.uniform(loudest / 3 if loudest > 3 else 0, loudest), small.shape[:2]
    )
    noisy = np.clip(small + grain[..., None].astype(np.float32), 0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noisy).save(buffer, "JPEG", quality=rng.randint(*quality))
    return buffer.getvalue()


def from_gamut(pixels: NDArray[np.float32], name: str) -> NDArray[np.float32]:
    """sRGB values 0 … 255 as if they had been the numbers of a file in a wider colour space, and
    had been converted: more saturated, and clipped where sRGB ends."""
    linear = (pixels / 255) ** 2.2
    wide = np.array(TO_SRGB[name], dtype=np.float32)
    matrix = np.eye(3, dtype=np.float32) * (1 - REACH[name]) + wide * REACH[name]
    converted = np.clip(linear @ matrix.T, 0, 1) ** (1 / 2.2)
    return np.asarray(converted * 255, dtype=np.float32)


def _seen_badly(image: Image.Image, camera: str, rng: Random) -> Image.Image:
    if camera == "blurred":
        return image.filter(ImageFilter.GaussianBlur(rng.uniform(0.7, 1.5) * image.height / 160))
    if camera == "shaken":
        return _shaken(image, rng)
    if camera == "squeezed":
        return _enlarged(image, rng.uniform(0.5, 0.8))  # a messenger makes pictures small
    pixels = np.asarray(image, dtype=np.float32) / 255
    if camera == "dim":
        pixels = pixels ** rng.uniform(1.0, 1.2) * rng.uniform(0.55, 0.8)
    elif camera == "warm":
        pixels = pixels * np.array([1.06, 0.96, rng.uniform(0.68, 0.82)], dtype=np.float32)
    elif camera == "cold":
        pixels = pixels * np.array([rng.uniform(0.8, 0.9), 0.97, 1.06], dtype=np.float32)
    elif camera == "hazy":
        veil = rng.uniform(0.15, 0.35)
        pixels = pixels * (1 - veil) + veil * rng.uniform(0.7, 0.95)
    elif camera in ("shaded", "blinds"):
        pixels = pixels * _shade(camera, image.size, rng)[..., None]
    return Image.fromarray((np.clip(pixels, 0, 1) * 255).astype(np.uint8))


def _enlarged(image: Image.Image, share: float) -> Image.Image:
    """As sharp as a picture of a smaller size."""
    small = image.resize((round(image.width * share), round(image.height * share)))
    return small.resize(image.size, Image.Resampling.BILINEAR)


def _shaken(image: Image.Image, rng: Random) -> Image.Image:
    """Moved while the shutter was open: the mean of shifted copies."""
    turn, reach = rng.uniform(0, np.pi), rng.uniform(1.2, 2.6) * image.height / 160
    total = np.zeros((image.height, image.width, 3), dtype=np.float32)
    for step in (-1.0, -0.5, 0.0, 0.5, 1.0):
        dx, dy = step * reach * np.cos(turn), step * reach * np.sin(turn)
        moved = image.transform(
            image.size, Image.Transform.AFFINE, (1, 0, dx, 0, 1, dy), Image.Resampling.BILINEAR
        )
        total += np.asarray(moved, dtype=np.float32)
    sharp = np.asarray(image, dtype=np.float32)
    mean = total / 5
    # What came from beyond the edge is black, so the edge stays as it was.
    edge = int(np.ceil(reach)) + 1
    sharp_edge = sharp.copy()
    sharp_edge[edge:-edge, edge:-edge] = mean[edge:-edge, edge:-edge]
    return Image.fromarray(sharp_edge.astype(np.uint8))


def _shade(camera: str, size: tuple[int, int], rng: Random) -> NDArray[np.float32]:
    """A shadow that falls across the picture: of something beside it, or of blinds."""
    width, height = size
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    turn = rng.uniform(0, 2 * np.pi)
    along = x * np.cos(turn) + y * np.sin(turn)
    depth = rng.uniform(0.3, 0.5)
    if camera == "blinds":
        wave = np.sin(along * rng.uniform(9, 16) + rng.uniform(0, 6))
        return np.asarray(1 - depth * np.clip(0.5 + 2.5 * wave, 0, 1), dtype=np.float32)
    edge = np.clip((along - rng.uniform(-0.3, 0.4)) * rng.uniform(4, 20), 0, 1)
    return np.asarray(1 - depth * edge, dtype=np.float32)
