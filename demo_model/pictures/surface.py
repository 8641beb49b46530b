"""Paints parts onto a picture: colour x pattern x texture x light."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from demo_model.pictures.finish import Finish, Pixels, Placement, pattern_share
from demo_model.pictures.grounds.textures import tile
from demo_model.pictures.shapes.geometry import Points
from demo_model.pictures.shapes.parts import Part

STUFF: dict[str, tuple[float, float, float]] = {
    "gold": (0.83, 0.66, 0.30),
    "silver": (0.74, 0.75, 0.78),
    "rubber": (0.95, 0.94, 0.91),
    "dark": (0.13, 0.13, 0.14),
    "lens": (0.10, 0.11, 0.14),
    "paper": (0.96, 0.95, 0.90),
    "face": (0.97, 0.96, 0.93),
    "timber": (0.62, 0.42, 0.25),
    "glow": (1.0, 0.93, 0.72),
    "ink": (0.10, 0.10, 0.11),
    "thread": (0.88, 0.62, 0.22),
}
GLOSS = {"leather": 0.36, "satin": 0.1, "metal": 0.4, "ceramic": 0.55, "plastic": 0.3}


def blurred(mask: Image.Image, radius: float) -> Pixels:
    return np.asarray(mask.filter(ImageFilter.BoxBlur(radius)), dtype=np.float32) / 255


def part_mask(
    part: Part, placement: Placement, size: tuple[int, int], origin: NDArray[np.float64]
) -> Image.Image:
    """The mask of a part, white inside, for a picture of `size` that starts at `origin`."""
    mask = Image.new("L", size)
    draw = ImageDraw.Draw(mask)
    path = [(float(x), float(y)) for x, y in placement.pixels(part.outline) - origin]
    if part.stroke:
        width = max(1, round(part.stroke * placement.scale))
        draw.line([*path, path[0]] if part.closed else path, fill=255, width=width, joint="curve")
        if not part.closed:
            for x, y in (path[0], path[-1]):
                draw.ellipse((x - width / 2, y - width / 2, x + width / 2, y + width / 2), fill=255)
    else:
        draw.polygon(path, fill=255)
    for hole in part.holes:
        draw.polygon([(float(x), float(y)) for x, y in placement.pixels(hole) - origin], fill=0)
    return mask


class Canvas:
    """A picture that is being painted, in linear floats 0 … 1. 1 % of its height is `percent`
    pixels."""

    def __init__(self, pixels: Pixels, light: NDArray[np.float64]) -> None:
        self.pixels = pixels
        self.height, self.width = pixels.shape[:2]
        self.size = np.array([self.width, self.height])
        self.percent = self.height / 100
        self.light = light  # unit vector towards the light, in pixels (y down)

    def paint(
        self, part: Part, placement: Placement, finish: Finish, offset: tuple[int, int]
    ) -> None:
        """Paint one part. `offset` (pixels): where its piece of the texture begins."""
        bevel = 1.6 * self.percent
        margin = round(part.stroke * placement.scale / 2 + 2 * bevel) + 2
        path = placement.pixels(part.outline)
        x0, y0 = np.maximum(np.floor(path.min(0)).astype(int) - margin, 0)
        x1, y1 = np.minimum(np.ceil(path.max(0)).astype(int) + margin, (self.width, self.height))
        if x1 - x0 < 2 or y1 - y0 < 2:
            return
        mask_image = part_mask(part, placement, (x1 - x0, y1 - y0), np.array([x0, y0]))
        mask = np.asarray(mask_image, dtype=np.float32) / 255
        if not mask.any():
            return
        xs = np.arange(x0, x1, dtype=np.float32)[None, :]
        ys = np.arange(y0, y1, dtype=np.float32)[:, None]
        colour = self._colour(part, placement, finish, xs, ys, offset)
        brightness, shine = self._lighting(part, mask_image, path, finish, xs, ys, bevel)
        painted = np.clip(colour * brightness[..., None] + shine[..., None], 0, 1)
        area = self.pixels[y0:y1, x0:x1]
        area += (painted - area) * (mask * part.opacity)[..., None]
        if part.stitched:
            self._stitch(part, placement, finish)

    def _colour(
        self,
        part: Part,
        placement: Placement,
        finish: Finish,
        xs: Pixels,
        ys: Pixels,
        offset: tuple[int, int],
    ) -> Pixels:
        if part.role in STUFF:
            flat = np.array(STUFF[part.role], dtype=np.float32)
            return np.broadcast_to(flat, (ys.shape[0], xs.shape[1], 3))
        base = np.array(finish.colour, dtype=np.float32)
        if part.role == "lining":
            return np.broadcast_to(base * 0.3 + 0.03, (ys.shape[0], xs.shape[1], 3))
        if part.role == "accent":
            # Dark colours get a lighter trim and others a darker one, so that edges stay visible.
            base = base * 0.72 if base.max() > 0.3 else base + 0.10
        texture = tile(finish.material, self.percent)
        side = texture.shape[0]
        rows = (np.arange(ys.shape[0]) + int(ys[0, 0]) + offset[1]) % side
        columns = (np.arange(xs.shape[1]) + int(xs[0, 0]) + offset[0]) % side
        relief = texture[rows[:, None], columns[None, :]]
        if part.role == "main" and finish.pattern != "plain":
            share = pattern_share(finish, placement, xs, ys)[..., None]
            shade: Pixels = base * (1 - share) + np.array(finish.second, np.float32) * share
        else:
            shade = np.broadcast_to(base, (1, 1, 3))
        # Multiplying does not show a texture on dark products, so some of it is added.
        lift = 0.16 * max(0.0, 0.4 - float(base.max()))
        return np.asarray(
            shade * relief[..., None] + lift * (relief[..., None] - 0.8), dtype=np.float32
        )

    def _lighting(
        self,
        part: Part,
        mask: Image.Image,
        path: Points,
        finish: Finish,
        xs: Pixels,
        ys: Pixels,
        bevel: float,
    ) -> tuple[Pixels, Pixels]:
        """The brightness to multiply with, and the white highlight to add."""
        height, width = ys.shape[0], xs.shape[1]
        low, high = path.min(0), path.max(0)
        u = (xs - low[0]) / max(high[0] - low[0], 1) * 2 - 1
        v = (ys - low[1]) / max(high[1] - low[1], 1) * 2 - 1
        lx = float(self.light[0])
        material = finish.material if part.role in ("main", "accent") else part.role
        gloss = GLOSS.get(material, 0.4 if material in ("gold", "silver", "lens") else 0.0)
        shine = np.zeros((height, width), dtype=np.float32)
        if part.light == "flat":
            return np.ones((height, width), dtype=np.float32), shine
        soft = blurred(mask, bevel)
        step = max(1, round(bevel * 0.6))
        sx, sy = round(step * lx), round(step * float(self.light[1]))
        # Edges that face the light are brighter, those on the other side darker.
        relief = np.roll(soft, (-sy, -sx), (0, 1)) - np.roll(soft, (sy, sx), (0, 1))
        brightness = 0.80 + 0.20 * soft + 0.32 * relief + 0.06 * (u * lx - v)
        if part.light == "cylinder":
            brightness = brightness * (1.02 - 0.34 * (u - 0.35 * lx) ** 2)
            shine = shine + gloss * np.exp(-(((u - 0.45 * lx) / 0.09) ** 2)) * (np.abs(v) < 0.8)
        elif part.light == "dome":
            distance = (u - 0.3 * lx) ** 2 + (v + 0.35) ** 2
            brightness = brightness * (1.08 - 0.22 * distance)
            shine = shine + 0.8 * gloss * np.exp(-distance / 0.05)
        else:
            brightness = brightness * (1.03 - 0.05 * (v + 1))
        if material == "metal":
            # A dark horizon between two bright skies, as in polished steel.
            across = u if part.light == "cylinder" else v + 0.25 * u
            brightness = brightness * (0.92 + 0.42 * np.sin(5.2 * across + 1.2 * lx))
            shine = shine + 0.42 * np.exp(-(((across + 0.35) / 0.1) ** 2))
        elif material == "plastic":
            shine = shine + gloss * np.exp(
                -(((u - 0.4 * lx) / 0.35) ** 2 + ((v + 0.5) / 0.25) ** 2)
            )
        elif material == "leather":
            sheen = np.exp(-(((u - 0.35 * lx) / 0.5) ** 2 + ((v + 0.3) / 0.45) ** 2))
            shine = shine + gloss * (np.clip(relief, 0, 1) + 0.9 * sheen)
        elif material == "ceramic":
            window = (
                (np.abs(u - 0.42 * lx) < 0.1) & (np.abs(v + 0.3) < 0.34) & (np.abs(v + 0.3) > 0.03)
            )
            shine = shine + gloss * window
        elif material == "lens":
            shine = shine + 0.35 * np.clip(0.9 - np.abs(u + v + 0.4) * 2.2, 0, 1)
        elif material in ("gold", "silver"):
            brightness = brightness * (0.95 + 0.35 * np.sin(4 * (u + v)))
        return brightness.astype(np.float32), shine.astype(np.float32)

    def _stitch(self, part: Part, placement: Placement, finish: Finish) -> None:
        """A dashed seam just inside the outline; gold-coloured on denim, as on jeans."""
        centre = (part.outline.max(0) + part.outline.min(0)) / 2
        path = placement.pixels(centre + (part.outline - centre) * 0.9)
        path = np.concatenate([path, path[:1]])
        lengths = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(path, axis=0).T))])
        dash = 1.9 * self.percent
        light = max(finish.colour) < 0.55
        thread = (
            (0.86, 0.62, 0.25)
            if finish.material == "denim"
            else (0.85,) * 3
            if light
            else (0.3,) * 3
        )
        x0, y0 = np.maximum(np.floor(path.min(0)).astype(int) - 2, 0)
        x1, y1 = np.minimum(np.ceil(path.max(0)).astype(int) + 3, (self.width, self.height))
        if x1 <= x0 or y1 <= y0:
            return
        mask = Image.new("L", (int(x1 - x0), int(y1 - y0)))
        draw = ImageDraw.Draw(mask)
        width = max(1, round(0.55 * self.percent))
        starts = np.arange(0, lengths[-1], dash)
        for a, b in zip(starts, starts + 0.6 * dash, strict=True):
            ends = [
                (
                    float(np.interp(d, lengths, path[:, 0]) - x0),
                    float(np.interp(d, lengths, path[:, 1]) - y0),
                )
                for d in (a, b)
            ]
            draw.line(ends, fill=200, width=width)
        share = np.asarray(mask, dtype=np.float32)[..., None] / 255
        area = self.pixels[y0:y1, x0:x1]
        area += (np.array(thread, dtype=np.float32) - area) * share
