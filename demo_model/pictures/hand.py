"""A hand that holds a product: forearm and fingers behind it, the thumb in front."""

from random import Random

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from demo_model.pictures.surface import Canvas

# From very light to very dark, as RGB 0 … 1.
SKIN = (
    (0.96, 0.82, 0.73),
    (0.91, 0.74, 0.61),
    (0.83, 0.64, 0.49),
    (0.69, 0.49, 0.36),
    (0.51, 0.35, 0.25),
    (0.34, 0.23, 0.17),
)
Vector = NDArray[np.float64]


class Hand:
    """Holds a product at its lower edge. Lengths follow the product's size."""

    def __init__(self, rng: Random, low: Vector, high: Vector) -> None:
        """`low` and `high`: the corners of the product's box in pixels."""
        self.skin = np.array(rng.choice(SKIN), dtype=np.float32) * rng.uniform(0.9, 1.08)
        size = high - low
        self.finger = float(np.clip(0.075 * size.mean(), 6, 60)) * rng.uniform(0.85, 1.2)
        self.side = rng.choice([-1.0, 1.0])
        across = 0.5 + self.side * rng.uniform(0.05, 0.3)
        self.palm = low + size * np.array([across, rng.uniform(0.9, 1.02)])
        self.lean = self.side * rng.uniform(0.1, 0.7)
        self.sleeve = np.array([rng.uniform(0.1, 0.85) for _ in range(3)], dtype=np.float32)
        self.sleeved = rng.random() < 0.6

    def behind(self, canvas: Canvas) -> None:
        """Arm, palm and the four fingers, to be painted before the product."""
        wide = self.finger
        wrist = self.palm + np.array([self.lean, 1.0]) * wide * 3.2
        elbow = wrist + np.array([self.lean, 1.0]) * canvas.height
        arm = [(wrist, elbow, wide * 2.7)]
        fingers = [
            (
                self.palm + np.array([offset * wide, 0.0]),
                self.palm + np.array([(offset * 1.5 - 0.6 * self.side) * wide, -wide * reach]),
                wide,
            )
            for offset, reach in ((-1.6, 3.4), (-0.6, 4.6), (0.5, 4.8), (1.5, 4.0))
        ]
        hand = [(self.palm + np.array([0.0, wide * 0.8]), wrist, wide * 3.9), *fingers]
        if self.sleeved:
            self._paint(canvas, hand, self.skin)
            cuff = wrist + np.array([self.lean, 1.0]) * wide * 1.6
            self._paint(canvas, [(cuff, elbow, wide * 3.6)], self.sleeve)
        else:
            self._paint(canvas, [*arm, *hand], self.skin)

    def before(self, canvas: Canvas) -> None:
        """The thumb, to be painted after the product."""
        wide = self.finger * 1.15
        root = self.palm + np.array([self.side * 1.6 * wide, wide * 1.2])
        joint = self.palm + np.array([self.side * 1.1 * wide, -wide * 0.9])
        tip = self.palm + np.array([self.side * 0.3 * wide, -wide * 2.3])
        self._paint(canvas, [(root, joint, wide * 1.25), (joint, tip, wide)], self.skin)

    def _paint(
        self,
        canvas: Canvas,
        limbs: list[tuple[Vector, Vector, float]],
        colour: NDArray[np.float32],
    ) -> None:
        """Limbs with round ends, lit from where the picture's light comes from."""
        mask = Image.new("L", (canvas.width, canvas.height))
        draw = ImageDraw.Draw(mask)
        for start, end, wide in limbs:
            path = [(float(start[0]), float(start[1])), (float(end[0]), float(end[1]))]
            draw.line(path, fill=255, width=max(1, round(wide)))
            for x, y in path:
                draw.ellipse((x - wide / 2, y - wide / 2, x + wide / 2, y + wide / 2), fill=255)
        box = mask.getbbox()
        if not box:
            return
        left, top, right, bottom = box
        sharp = mask.crop(box)
        share = np.asarray(sharp, dtype=np.float32) / 255
        soft_image = sharp.filter(ImageFilter.BoxBlur(self.finger * 0.35))
        soft = np.asarray(soft_image, dtype=np.float32) / 255
        step = max(1, round(self.finger * 0.25))
        shift = (-round(step * float(canvas.light[1])), -round(step * float(canvas.light[0])))
        relief = np.roll(soft, shift, (0, 1)) - np.roll(soft, (-shift[0], -shift[1]), (0, 1))
        lit = colour * (0.68 + 0.32 * soft + 0.25 * relief)[..., None]
        area = canvas.pixels[top:bottom, left:right]
        area += (np.clip(lit, 0, 1) - area) * share[..., None]
