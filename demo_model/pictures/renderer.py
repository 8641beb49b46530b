"""Draws the picture of a seed. The same seed gives the same picture and the same facts."""

import colorsys
import io
from random import Random

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from demo_model.pictures.backdrop import backdrop, no_product
from demo_model.pictures.catalogue import BRANDS, NOTES
from demo_model.pictures.facts import Product, Scene, random_for, scene_of
from demo_model.pictures.finish import Finish, Placement
from demo_model.pictures.shapes.by_kind import SHAPES
from demo_model.pictures.shapes.parts import Drawing
from demo_model.pictures.surface import Canvas, part_mask

# Width and height in units of 32 px to which the processor resizes photos of 1:1, 4:3, 3:4, 16:9
# and 9:16, at the resolution of training.
FRAMES = {"square": (5, 5), "landscape": (5, 4), "portrait": (4, 5), "wide": (6, 3), "tall": (3, 6)}
TRAINING_UNIT = 32
SUPERSAMPLING = 2

# Lowest and highest hue in degrees, saturation and value.
PALETTE: dict[str, tuple[tuple[float, float], tuple[float, float], tuple[float, float]]] = {
    "black": ((0, 360), (0.0, 0.12), (0.10, 0.17)),
    "white": ((30, 60), (0.0, 0.05), (0.93, 1.0)),
    "grey": ((0, 360), (0.0, 0.05), (0.46, 0.60)),
    "red": ((354, 362), (0.80, 0.95), (0.70, 0.88)),
    "blue": ((210, 228), (0.65, 0.90), (0.55, 0.85)),
    "green": ((115, 150), (0.50, 0.80), (0.42, 0.66)),
    "yellow": ((46, 54), (0.70, 0.90), (0.90, 1.0)),
    "pink": ((332, 348), (0.32, 0.50), (0.92, 1.0)),
    "brown": ((18, 28), (0.55, 0.70), (0.36, 0.52)),
    "purple": ((270, 286), (0.50, 0.75), (0.50, 0.72)),
}


def frame_of(seed: int) -> str:
    """The shape of a seed's photo. Of eight five are square, one is landscape, one portrait, one
    wide or tall."""
    return {5: "landscape", 6: "portrait", 7: "wide" if seed & 8 else "tall"}.get(
        seed % 8, "square"
    )


def _rgb(rng: Random, colour: str) -> tuple[float, float, float]:
    hue, saturation, value = (rng.uniform(*span) for span in PALETTE[colour])
    return colorsys.hsv_to_rgb(hue % 360 / 360, saturation, value)


def _finish(rng: Random, product: Product) -> Finish:
    colour = _rgb(rng, product.colour)
    pale = (0.95, 0.94, 0.90)
    dark = (0.14, 0.13, 0.15)
    # White needs a dark second colour. Other colours mostly get a pale one.
    second = dark if product.colour == "white" else pale
    if product.colour in ("yellow", "pink") and rng.random() < 0.3:
        second = dark
    return Finish(colour, second, product.material, product.pattern, rng.uniform(0.26, 0.36))


def _placement(
    rng: Random, width: int, height: int, centre: tuple[float, float], span: float
) -> Placement:
    """Random rotation, mirror, stretch and shear. `span`: half the product's size in pixels."""
    turn = np.radians(rng.gauss(0, 6))
    mirror = -1 if rng.random() < 0.3 else 1
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    stretch = np.diag([span * rng.uniform(0.9, 1.08) * mirror, span * rng.uniform(0.9, 1.08)])
    shear = np.array([[1.0, rng.uniform(-0.07, 0.07)], [rng.uniform(-0.04, 0.04), 1.0]])
    return Placement(rotation @ shear @ stretch, np.array([centre[0] * width, centre[1] * height]))


def _shadow(canvas: Canvas, drawing: Drawing, placement: Placement, rng: Random) -> None:
    """A soft shadow on the side away from the light, and a small dark one under the product."""
    size = (canvas.width, canvas.height)
    silhouette = Image.new("L", size)
    for part in drawing.parts:
        mask = part_mask(part, placement, size, np.zeros(2))
        silhouette.paste(255, mask=mask)
    small = silhouette.resize((size[0] // 4, size[1] // 4), Image.Resampling.BOX)
    shift = (-canvas.light * rng.uniform(2, 6) * canvas.percent / 4).round().astype(int)
    moved = Image.new("L", small.size)
    moved.paste(small, (int(shift[0]), int(max(shift[1], 0))))
    soft = moved.filter(ImageFilter.GaussianBlur(rng.uniform(0.6, 1.6) * canvas.percent)).resize(
        size, Image.Resampling.BILINEAR
    )
    strength = rng.uniform(0.25, 0.55)
    canvas.pixels *= 1 - strength * np.asarray(soft, dtype=np.float32)[..., None] / 255


def _word(
    canvas: Canvas,
    text: str,
    product: Product,
    drawing: Drawing,
    placement: Placement,
    finish: Finish,
    rng: Random,
) -> None:
    """Print the word on the product, or on a paper tag beside it."""
    percent = canvas.percent
    if drawing.tagged:
        height = 9.5 * percent
    else:
        height = min(12.0 * percent, drawing.label_width * placement.scale * 0.33)
    if product.note:  # two words: smaller, so that both stay in the picture
        height *= 0.62
    font = ImageFont.load_default(size=height * 1.28)
    left, top, right, bottom = font.getbbox(text, stroke_width=max(1, round(height * 0.05)))
    pad = round(height * 0.3)
    width, tall = int(right - left) + 2 * pad, int(bottom - top) + 2 * pad
    printed = Image.new("L", (width, tall))
    ImageDraw.Draw(printed).text(
        (pad - left, pad - top),
        text,
        fill=255,
        font=font,
        stroke_width=max(1, round(height * 0.05)),
    )
    plate, ink = (BRANDS | NOTES)[text]
    label = Image.new("RGBA", (width, tall), (*plate, 255))
    label.paste((*ink, 255), mask=printed)
    if drawing.tagged:
        low = np.concatenate([placement.pixels(part.outline) for part in drawing.parts]).max(0)
        x = min(
            max(placement.offset[0] + rng.uniform(-10, 10) * percent, width / 2 + 2 * percent),
            canvas.width - width / 2 - 2 * percent,
        )
        y = min(low[1] + tall * 0.35, canvas.height - tall / 2 - 2 * percent)
        anchor, angle = np.array([x, y]), rng.uniform(-6, 6)
    else:
        anchor = placement.pixels(np.array([drawing.label]))[0]
        direction = placement.matrix @ np.array([1.0 if placement.matrix[0, 0] > 0 else -1.0, 0.0])
        angle = -float(np.degrees(np.arctan2(direction[1], direction[0])))
    turned = label.rotate(angle, Image.Resampling.BICUBIC, expand=True)
    canvas_image = Image.new("RGBA", (canvas.width, canvas.height))
    canvas_image.paste(
        turned, (round(anchor[0] - turned.width / 2), round(anchor[1] - turned.height / 2))
    )
    layer = np.asarray(canvas_image, dtype=np.float32) / 255
    canvas.pixels += (layer[..., :3] - canvas.pixels) * layer[..., 3:]


def _draw_product(
    canvas: Canvas, product: Product, rng: Random, centre: tuple[float, float], span: float
) -> None:
    drawing = SHAPES[product.kind](rng, product.material)
    finish = _finish(rng, product)
    placement = _placement(rng, canvas.width, canvas.height, centre, span)
    _shadow(canvas, drawing, placement, rng)
    offset = (rng.randrange(1000), rng.randrange(1000))
    for part in drawing.parts:
        canvas.paint(part, placement, finish, offset)
    if product.words:
        _word(canvas, product.words, product, drawing, placement, finish, rng)


def draw(scene: Scene, width: int, height: int) -> bytes:
    """The picture of a scene as JPEG, drawn at a larger size and reduced."""
    rng = random_for(scene.seed, "drawing")
    large_width, large_height = width * SUPERSAMPLING, height * SUPERSAMPLING
    if not scene.products:
        pixels = no_product(rng, large_width, large_height)
        canvas = Canvas(pixels, np.array([0.0, -1.0]))
    else:
        side = rng.choice([-1, 1]) * rng.uniform(0.3, 0.9)
        light = np.array([side, -1.0]) / np.hypot(side, 1)
        canvas = Canvas(backdrop(rng, large_width, large_height), light)
        shorter = min(large_width, large_height)
        if len(scene.products) == 1:
            span = shorter * rng.uniform(0.33, 0.43)
            centre = (rng.uniform(0.46, 0.54), rng.uniform(0.45, 0.52))
            _draw_product(canvas, scene.products[0], rng, centre, span)
        else:
            upright = large_height > large_width
            for index, product in enumerate(scene.products):
                place = 0.27 + 0.46 * index
                centre = (0.5, place) if upright else (place, 0.52)
                _draw_product(canvas, product, rng, centre, max(large_width, large_height) * 0.225)
    return _photograph(canvas.pixels, width, height, rng)


def _photograph(pixels: NDArray[np.float32], width: int, height: int, rng: Random) -> bytes:
    """Add what a phone's camera adds: exposure, colour cast, vignette, noise, JPEG."""
    cast = np.array(
        [1 + rng.uniform(-0.03, 0.03), 1.0, 1 + rng.uniform(-0.04, 0.04)], dtype=np.float32
    )
    x = np.linspace(-1, 1, pixels.shape[1], dtype=np.float32)[None, :]
    y = np.linspace(-1, 1, pixels.shape[0], dtype=np.float32)[:, None]
    vignette = 1 - rng.uniform(0, 0.12) * (x * x + y * y)
    exposed = pixels * (cast * rng.uniform(0.92, 1.06)) * vignette[..., None]
    image = Image.fromarray((np.clip(exposed, 0, 1) * 255).astype(np.uint8))
    small = np.asarray(image.resize((width, height), Image.Resampling.BOX), dtype=np.float32)
    grain = np.random.default_rng(rng.getrandbits(32)).normal(0, rng.uniform(0, 3), small.shape[:2])
    noisy = np.clip(small + grain[..., None].astype(np.float32), 0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noisy).save(buffer, "JPEG", quality=rng.randint(70, 95))
    return buffer.getvalue()


def render_jpeg(seed: int, unit: int = TRAINING_UNIT, frame: str | None = None) -> bytes:
    """The picture of a seed as JPEG; 32 units draw it at the size of training."""
    columns, rows = FRAMES[frame or frame_of(seed)]
    return draw(scene_of(seed), columns * unit, rows * unit)


def render(
    seed: int, unit: int = TRAINING_UNIT, frame: str | None = None
) -> tuple[Image.Image, Scene]:
    """The picture and the facts of a seed."""
    return Image.open(io.BytesIO(render_jpeg(seed, unit, frame))).convert("RGB"), scene_of(seed)
