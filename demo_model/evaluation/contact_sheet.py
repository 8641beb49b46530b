"""Draws docs/img/demo-contact-sheet.jpg: held-out pictures, each with a question and its answer.

python -m demo_model.evaluation.contact_sheet
"""

import argparse
import textwrap
from pathlib import Path
from random import Random

import torch
from PIL import Image, ImageDraw, ImageFont

from demo_model.evaluation.chat import DemoChat, Question
from demo_model.language.questions import ask
from demo_model.pictures.facts import FIRST_HELD_OUT_SEED
from demo_model.pictures.renderer import render

TARGET = Path("docs/img/demo-contact-sheet.jpg")
COLUMNS, ROWS = 5, 4
SIDE, CAPTION = 240, 96
# Pillow's font has no Chinese characters, so the sheet shows English questions only.
LANGUAGE = "en"
INTENTS = (
    "describe",
    "what",
    "brand",
    "material",
    "gift",
    "match",
    "audience",
    "colour",
    "pattern",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--target", type=Path, default=TARGET)
    options = parser.parse_args()
    torch.set_num_threads(1)
    chat = DemoChat()
    rng = Random("contact sheet")
    sheet = Image.new("RGB", (COLUMNS * SIDE, ROWS * (SIDE + CAPTION)), "white")
    pen = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(size=13)
    for place in range(COLUMNS * ROWS):
        seed = FIRST_HELD_OUT_SEED + 2_000_000 + place
        photo, scene = render(seed, unit=96, frame="square")
        exchange = ask(rng, scene, language=LANGUAGE, intent=INTENTS[place % len(INTENTS)])
        answer = chat.answer([Question(exchange.question, photo)])[0]
        x, y = place % COLUMNS * SIDE, place // COLUMNS * (SIDE + CAPTION)
        sheet.paste(photo.resize((SIDE, SIDE), Image.Resampling.LANCZOS), (x, y))
        lines = _wrapped(exchange.question, font)[:2]
        pen.multiline_text((x + 6, y + SIDE + 4), "\n".join(lines), (90, 90, 90), font)
        below = y + SIDE + 6 + 16 * len(lines)
        told = "\n".join(_wrapped(answer, font)[:4])
        pen.multiline_text((x + 6, below), told, (10, 10, 10), font)
    options.target.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(options.target, quality=82)


def _wrapped(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> list[str]:
    """Lines that fit below a picture: capitals are wide."""
    for columns in range(36, 8, -1):
        lines = textwrap.wrap(text, columns)
        if all(font.getlength(line) <= SIDE - 12 for line in lines):
            return lines
    return textwrap.wrap(text, 8)


if __name__ == "__main__":
    main()
