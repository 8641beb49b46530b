"""Pages of text, receipts, tables, charts, screens and scribbles, drawn without any font of the
system: what looks like Chinese characters are random strokes, which read the same at this size."""

import math
from random import Random

from PIL import Image, ImageDraw, ImageFont

from demo_model.pictures.facts import FIRST_HELD_OUT_SEED, random_for
from demo_model.pictures.renderer import FRAMES, size_of

PAGE_SEEDS = {
    "train": range(600),
    "test": range(FIRST_HELD_OUT_SEED, FIRST_HELD_OUT_SEED + 100),
}
RGB = tuple[int, int, int]
LARGER = 3  # drawn at three times the size, so that small print is small
SYLLABLES = [consonant + vowel for consonant in "bcdfklmnprstvw" for vowel in ("a", "e", "io", "u")]
INK = ((20, 20, 24), (40, 40, 60), (70, 50, 40))
SHEETS = ((255, 255, 255), (250, 247, 238), (238, 238, 234), (225, 232, 240))
VIVID = ((214, 64, 58), (58, 118, 204), (70, 160, 90), (236, 178, 52), (140, 90, 180), (90, 90, 96))


def page(seed: int) -> tuple[Image.Image, str, str]:
    """A drawn page or screenshot of training's size, its shape and its kind."""
    rng = random_for(seed, "page")
    frame = rng.choice(list(FRAMES))
    width, height = size_of(frame)
    maker = rng.choice(MAKERS)
    picture = Image.new("RGB", (width * LARGER, height * LARGER), rng.choice(SHEETS))
    maker(rng, ImageDraw.Draw(picture), *picture.size)
    if maker is not screen and rng.random() < 0.35:
        # A sheet that lies on a desk, photographed at an angle.
        desk = (rng.randint(60, 200), rng.randint(50, 170), rng.randint(40, 160))
        picture = picture.resize((round(picture.width * 0.86), round(picture.height * 0.86)))
        picture = picture.rotate(
            rng.uniform(-12, 12), Image.Resampling.BICUBIC, expand=True, fillcolor=desk
        ).resize((width * LARGER, height * LARGER))
    kind = "screenshot" if maker is screen else "page"
    return picture.resize((width, height), Image.Resampling.LANCZOS), frame, kind


def _word(rng: Random) -> str:
    return "".join(rng.choices(SYLLABLES, k=rng.randint(1, 3)))


def _line(
    rng: Random, draw: ImageDraw.ImageDraw, box: tuple[float, float, float, float], ink: RGB
) -> None:
    """A line of words or of strokes like Chinese characters, from left, top to right, bottom."""
    left, top, right, bottom = box
    size = bottom - top
    if rng.random() < 0.5:
        font = ImageFont.load_default(size=size)
        text = _word(rng).capitalize()
        while draw.textlength(f"{text} wwww", font) < right - left:
            text += " " + _word(rng)
        draw.text((left, top), text, fill=ink, font=font)
        return
    x = left
    while x + size < right:
        for _ in range(rng.randint(4, 8)):
            across, at = rng.random() < 0.55, rng.uniform(0.05, 0.95) * size
            low, high = sorted((rng.uniform(0, size), rng.uniform(0, size)))
            stroke = (x + low, top + at, x + high, top + at)
            if not across:
                stroke = (x + at, top + low, x + at + rng.uniform(-0.2, 0.2) * size, top + high)
            draw.line(stroke, fill=ink, width=max(1, round(size / 12)))
        x += size * (1.15 if rng.random() < 0.92 else 2)


def text(rng: Random, draw: ImageDraw.ImageDraw, width: int, height: int) -> None:
    ink, size, margin = rng.choice(INK), rng.uniform(9, 26), rng.uniform(0.04, 0.14) * width
    y = margin
    if rng.random() < 0.6:
        _line(rng, draw, (margin, y, width * rng.uniform(0.5, 0.9), y + size * 1.8), ink)
        y += size * 3.4
    while y < height - margin:
        end = width - margin if rng.random() < 0.8 else width * rng.uniform(0.3, 0.8)
        _line(rng, draw, (margin, y, end, y + size), ink)
        y += size * (1.5 if rng.random() < 0.88 else 2.6)


def receipt(rng: Random, draw: ImageDraw.ImageDraw, width: int, height: int) -> None:
    ink, size = rng.choice(INK), rng.uniform(14, 24)
    left, right = width * rng.uniform(0.05, 0.3), width * rng.uniform(0.7, 0.95)
    font = ImageFont.load_default(size=size)
    y = height * 0.05
    _line(rng, draw, (left, y, right, y + size * 1.5), ink)
    y += size * 3
    while y < height * 0.8:
        _line(rng, draw, (left, y, left + (right - left) * rng.uniform(0.3, 0.6), y + size), ink)
        draw.text((right - size * 3, y), f"{rng.uniform(1, 300):.2f}", fill=ink, font=font)
        y += size * 1.7
    x = left
    while x < right:  # a barcode
        bar = rng.uniform(1, 6)
        draw.rectangle((x, height * 0.85, x + bar, height * 0.95), fill=ink)
        x += bar + rng.uniform(2, 7)


def table(rng: Random, draw: ImageDraw.ImageDraw, width: int, height: int) -> None:
    columns, size = rng.randint(2, 6), rng.uniform(11, 20)
    font = ImageFont.load_default(size=size)
    step = width / columns
    head = rng.choice(VIVID)
    rows = int(height / (size * 1.9))
    for row in range(rows):
        y = row * size * 1.9
        fill = head if row == 0 else (240, 243, 248) if row % 2 else (255, 255, 255)
        draw.rectangle((0, y, width, y + size * 1.9), fill=fill, outline=(190, 190, 195))
        for column in range(columns):
            said = _word(rng) if row == 0 or column == 0 else str(rng.randint(0, 9999))
            ink = (255, 255, 255) if row == 0 else (40, 40, 46)
            draw.text((column * step + 6, y + size * 0.3), said, fill=ink, font=font)
    for column in range(1, columns):
        draw.line((column * step, 0, column * step, rows * size * 1.9), fill=(190, 190, 195))


def chart(rng: Random, draw: ImageDraw.ImageDraw, width: int, height: int) -> None:
    left, top, right, bottom = width * 0.12, height * 0.12, width * 0.95, height * 0.86
    _line(rng, draw, (left, height * 0.03, width * 0.7, height * 0.08), (40, 40, 46))
    form = rng.choice(["bars", "lines", "pie", "dots"])
    if form == "pie":
        radius, angle = min(width, height) * 0.36, 0.0
        box = (width / 2 - radius, height / 2 - radius, width / 2 + radius, height / 2 + radius)
        while angle < 360:
            end = angle + rng.uniform(20, 140)
            draw.pieslice(box, angle, min(end, 360), fill=rng.choice(VIVID), outline="white")
            angle = end
        return
    draw.line((left, top, left, bottom, right, bottom), fill=(60, 60, 66), width=3)
    count = rng.randint(4, 14)
    step = (right - left) / count
    for index in range(rng.randint(1, 3)):
        ink = VIVID[(index + rng.randrange(3)) % len(VIVID)]
        heights = [bottom - rng.uniform(0.1, 0.95) * (bottom - top) for _ in range(count)]
        xs = [left + step * (place + 0.5) for place in range(count)]
        if form == "bars":
            for x, y in zip(xs, heights, strict=True):
                draw.rectangle((x - step * 0.35, y, x + step * 0.35, bottom - 2), fill=ink)
        elif form == "lines":
            draw.line(list(zip(xs, heights, strict=True)), fill=ink, width=5, joint="curve")
        else:
            for x, y in zip(xs, heights, strict=True):
                draw.ellipse((x - 7, y - 7, x + 7, y + 7), fill=ink)


def screen(rng: Random, draw: ImageDraw.ImageDraw, width: int, height: int) -> None:
    """Windows, a chat or a page of a browser."""
    dark = rng.random() < 0.4
    ground, ink = ((32, 34, 40), (215, 218, 222)) if dark else ((246, 247, 249), (45, 46, 50))
    accent = rng.choice(VIVID)
    draw.rectangle((0, 0, width, height), fill=ground)
    bar = height * rng.uniform(0.06, 0.12)
    draw.rectangle((0, 0, width, bar), fill=accent if rng.random() < 0.5 else (70, 72, 80))
    _line(rng, draw, (width * 0.05, bar * 0.3, width * 0.5, bar * 0.7), (250, 250, 250))
    size = rng.uniform(10, 18)
    y, chat = bar * 1.5, rng.random() < 0.35
    aside = width * rng.choice([0.02, 0.02, 0.28])
    while y < height:
        if chat:
            wide = width * rng.uniform(0.3, 0.62)
            left = width * 0.05 if rng.random() < 0.5 else width * 0.95 - wide
            fill = accent if left > width * 0.1 else (208, 212, 218)
            draw.rounded_rectangle((left, y, left + wide, y + size * 2), size, fill=fill)
            _line(
                rng, draw, (left + size, y + size * 0.5, left + wide, y + size * 1.4), (30, 30, 30)
            )
            y += size * 2.8
        elif rng.random() < 0.15:
            fill = rng.choice(VIVID)
            draw.rounded_rectangle((aside, y, aside + width * 0.3, y + size * 2), 5, fill=fill)
            y += size * 3
        else:
            end = width * rng.uniform(0.5, 0.95)
            _line(rng, draw, (aside + size, y, end, y + size), ink)
            y += size * 1.7
    if aside > width * 0.1:
        draw.rectangle((0, bar, aside * 0.9, height), fill=(88, 92, 102))


def scribble(rng: Random, draw: ImageDraw.ImageDraw, width: int, height: int) -> None:
    """Handwriting, or a child's drawing without any object in it."""
    for _ in range(rng.randint(3, 12)):
        x, y = rng.uniform(0.05, 0.6) * width, rng.uniform(0.1, 0.95) * height
        path, phase = [], rng.uniform(0, 6)
        size, length = rng.uniform(0.01, 0.06) * height, rng.uniform(0.2, 0.6) * width
        for step in range(60):
            swing = math.sin(phase + step * 0.9) + 0.6 * math.sin(phase * 2 + step * 0.53)
            path.append((x + length * step / 60 + 0.4 * size * swing, y + size * swing))
        ink = rng.choice([*INK, *VIVID])
        draw.line(path, fill=ink, width=rng.randint(2, 7), joint="curve")


MAKERS = (text, text, text, receipt, table, chart, screen, screen, scribble)
