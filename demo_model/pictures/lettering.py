"""Words as they are printed on labels: Latin letters in Pillow's own font, Chinese characters from
small pictures of them, so that no machine needs a font for them."""

import json
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

GLYPHS = Path(__file__).with_name("glyphs.json")


def lettered(text: str, height: float) -> Image.Image:
    """The word as a mask, white on black, with a margin. `height`: of its capitals, in pixels."""
    pad = round(height * 0.3)
    if text.isascii():
        stroke = max(1, round(height * 0.05))
        font = ImageFont.load_default(size=height * 1.28)
        left, top, right, bottom = font.getbbox(text, stroke_width=stroke)
        printed = Image.new("L", (int(right - left) + 2 * pad, int(bottom - top) + 2 * pad))
        ImageDraw.Draw(printed).text(
            (pad - left, pad - top), text, fill=255, font=font, stroke_width=stroke
        )
        return printed
    side = max(8, round(height * 1.3))
    printed = Image.new("L", (side * len(text) + 2 * pad, side + 2 * pad))
    for place, character in enumerate(text):
        glyph = _glyphs()[character].resize((side, side), Image.Resampling.LANCZOS)
        printed.paste(glyph, (pad + place * side, pad))
    return printed


@cache
def _glyphs() -> dict[str, Image.Image]:
    """Each character as a square of `side` x `side` bits, row by row, in hexadecimal."""
    kept = json.loads(GLYPHS.read_text(encoding="utf-8"))
    side = kept["side"]
    glyphs = {}
    for character, bits in kept["glyphs"].items():
        flat = np.unpackbits(np.frombuffer(bytes.fromhex(bits), dtype=np.uint8))[: side * side]
        glyphs[character] = Image.fromarray((flat.reshape(side, side) * 255).astype(np.uint8))
    return glyphs
