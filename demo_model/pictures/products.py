"""Paints one product into a picture: its finish, its place, its shadow, the word on it."""

import colorsys
from random import Random

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from demo_model.pictures.catalogue import BRANDS, NOTES
from demo_model.pictures.facts import Product
from demo_model.pictures.finish import Finish, Placement
from demo_model.pictures.flat import draw_flat
from demo_model.pictures.hand import Hand
from demo_model.pictures.lettering import lettered
from demo_model.pictures.setting import SHOP, Setting
from demo_model.pictures.shapes.by_kind import SHAPES
from demo_model.pictures.shapes.geometry import Points
from demo_model.pictures.shapes.parts import Drawing
from demo_model.pictures.surface import Canvas, part_mask

# Left, top, right and bottom, in shares of the picture's width and height.
Box = tuple[float, float, float, float]
# Nobody holds them in one hand.
TOO_LARGE = ("sofa", "chair", "lamp")

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
    rng: Random, canvas: Canvas, centre: tuple[float, float], span: float, tilt: float
) -> Placement:
    """Random rotation, mirror, stretch and shear. `span`: half the product's size in pixels.
    `tilt`: degrees by which it is usually turned."""
    turn = np.radians(rng.gauss(0, tilt))
    mirror = -1 if rng.random() < 0.3 else 1
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    stretch = np.diag([span * rng.uniform(0.9, 1.08) * mirror, span * rng.uniform(0.9, 1.08)])
    shear = np.array([[1.0, rng.uniform(-0.07, 0.07)], [rng.uniform(-0.04, 0.04), 1.0]])
    return Placement(
        rotation @ shear @ stretch, np.array([centre[0] * canvas.width, centre[1] * canvas.height])
    )


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
    rng: Random,
    setting: Setting,
) -> tuple[Points, Points]:
    """Print the word on the product, on a paper tag beside it, or on a sign in the background.
    Returns the corners of where it is."""
    percent = canvas.percent
    if drawing.tagged:
        height = 9.5 * percent
    else:
        height = min(12.0 * percent, drawing.label_width * placement.scale * 0.33)
    if product.note:  # two words: smaller, so that both stay in the picture
        height *= 0.62
    label = _label(text, height)
    if setting != SHOP and label.width > 0.94 * canvas.width:
        label = _label(text, height * 0.94 * canvas.width / label.width)
    if setting.lived_in and product.note and rng.random() < 0.5:
        anchor, angle = _sign_place(canvas, label, placement, rng), rng.uniform(-4, 4)
    elif drawing.tagged:
        low = _outlines(drawing, placement).max(0)
        x = min(
            max(
                placement.offset[0] + rng.uniform(-10, 10) * percent, label.width / 2 + 2 * percent
            ),
            canvas.width - label.width / 2 - 2 * percent,
        )
        y = min(low[1] + label.height * 0.35, canvas.height - label.height / 2 - 2 * percent)
        anchor, angle = np.array([x, y]), rng.uniform(-6, 6)
    else:
        anchor = placement.pixels(np.array([drawing.label]))[0]
        direction = placement.matrix @ np.array([1.0 if placement.matrix[0, 0] > 0 else -1.0, 0.0])
        angle = -float(np.degrees(np.arctan2(direction[1], direction[0])))
    turned = label.rotate(angle, Image.Resampling.BICUBIC, expand=True)
    half = np.array(turned.size) / 2
    if setting != SHOP:  # whatever else is cut off, the word is not
        anchor = np.clip(anchor, half + 1, np.maximum(half, canvas.size - half) - 1)
    canvas_image = Image.new("RGBA", (canvas.width, canvas.height))
    canvas_image.paste(turned, (round(anchor[0] - half[0]), round(anchor[1] - half[1])))
    layer = np.asarray(canvas_image, dtype=np.float32) / 255
    canvas.pixels += (layer[..., :3] - canvas.pixels) * layer[..., 3:]
    return anchor - half, anchor + half


def _label(text: str, height: float) -> Image.Image:
    printed = lettered(text, height)
    plate, ink = (BRANDS | NOTES)[text]
    label = Image.new("RGBA", printed.size, (*plate, 255))
    label.paste((*ink, 255), mask=printed)
    return label


def _sign_place(
    canvas: Canvas, label: Image.Image, placement: Placement, rng: Random
) -> NDArray[np.float64]:
    """Above or below the product, where there is more room."""
    above = placement.offset[1] > canvas.height / 2
    edge = label.height * rng.uniform(0.6, 0.9)
    return np.array([rng.uniform(0, canvas.width), edge if above else canvas.height - edge])


def _outlines(drawing: Drawing, placement: Placement) -> Points:
    return np.concatenate([placement.pixels(part.outline) for part in drawing.parts])


def _extent(drawing: Drawing, placement: Placement) -> tuple[Points, Points]:
    """The corners of the box around a product, in pixels."""
    lows, highs = [], []
    for part in drawing.parts:
        path, reach = placement.pixels(part.outline), part.stroke * placement.scale / 2
        lows.append(path.min(0) - reach)
        highs.append(path.max(0) + reach)
    return np.min(lows, axis=0), np.max(highs, axis=0)


def draw_product(
    canvas: Canvas,
    product: Product,
    rng: Random,
    centre: tuple[float, float],
    span: float,
    setting: Setting = SHOP,
) -> Box:
    """Paint a product. `centre` in shares of the picture, `span`: half of the product's size in
    pixels. Returns where it is with the word on it, as far as that is in the picture."""
    drawing = SHAPES[product.kind](rng, product.material)
    finish = _finish(rng, product)
    tilt = 13 if setting.anywhere else 6
    placement = _placement(rng, canvas, centre, span, tilt)
    low, high = _extent(drawing, placement)
    if setting.drawn:
        draw_flat(canvas, drawing, placement, finish, rng)
        return _box(canvas, low, high)
    _shadow(canvas, drawing, placement, rng)
    offset = (rng.randrange(1000), rng.randrange(1000))
    hand = None
    if setting.hand and product.kind not in TOO_LARGE and not (drawing.tagged and product.words):
        hand = Hand(rng, low, high)
        hand.behind(canvas)
    for part in drawing.parts:
        canvas.paint(part, placement, finish, offset)
    if product.words:
        corners = _word(canvas, product.words, product, drawing, placement, rng, setting)
        low, high = np.minimum(low, corners[0]), np.maximum(high, corners[1])
    if hand:
        hand.before(canvas)
    return _box(canvas, low, high)


def _box(canvas: Canvas, low: Points, high: Points) -> Box:
    left, top = np.clip(low / canvas.size, 0, 1)
    right, bottom = np.clip(high / canvas.size, 0, 1)
    return float(left), float(top), float(right), float(bottom)
