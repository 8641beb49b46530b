"""The hash by which a picture is known again when it was scaled or compressed anew. As a command it
prints those of files, for BLOCKED_PHOTO_HASHES."""

import sys
from pathlib import Path

import numpy as np
from PIL import Image

from contract.images import EncodedImage, check_image

HASH_PIXELS = 32
HASH_BITS = 8


def perceptual_hash(pixels: Image.Image) -> int:
    """64 bits: whether each of the lowest frequencies is above their median (pHash)."""
    small = pixels.convert("L").resize((HASH_PIXELS, HASH_PIXELS), Image.Resampling.LANCZOS)
    places = np.arange(HASH_PIXELS)
    cosines = np.cos(np.pi * (2 * places[None, :] + 1) * places[:, None] / (2 * HASH_PIXELS))
    frequencies = cosines @ np.asarray(small, np.float64) @ cosines.T
    low = frequencies[1 : HASH_BITS + 1, 1 : HASH_BITS + 1]
    bits = (low > np.median(low)).flatten()
    return int("".join("1" if bit else "0" for bit in bits), 2)


def main() -> None:
    for name in sys.argv[1:]:
        pixels = check_image(EncodedImage(Path(name).read_bytes())).pixels
        print(f"{perceptual_hash(pixels):016x}  {name}")


if __name__ == "__main__":
    main()
