"""Regions that a shopper cuts out of a photo: most of a product, or one of two."""

from dataclasses import replace
from random import Random

from PIL import Image

from demo_model.pictures.facts import Scene

# Of a picture of two: the products stand in its quarters along the longer side, see the renderer.
PAIR_CENTRES = (0.27, 0.73)
PAIR_SHARE = 0.54
# Of a picture of one: so much of each side is kept, around the middle.
LEAST = 0.74


def cropped(image: Image.Image, scene: Scene, rng: Random) -> tuple[Image.Image, Scene]:
    """A region of the picture at the picture's size, and what it shows. A picture without a known
    product, or with words on it, stays whole: words may be cut."""
    width, height = image.size
    if len(scene.products) == 2:
        index = rng.randrange(2)
        along = PAIR_CENTRES[index] + rng.uniform(-0.02, 0.02)
        centre = (0.5, along) if height > width else (along, 0.52)
        side = PAIR_SHARE * max(width, height)
        size = (min(side, width), min(side, height))
        scene = replace(scene, products=(scene.products[index],))
    elif len(scene.products) == 1 and not scene.products[0].words:
        share = rng.uniform(LEAST, 0.95)
        size = (width * share, height * rng.uniform(max(LEAST, share - 0.1), 0.95))
        centre = (0.5 + rng.uniform(-0.04, 0.04), 0.5 + rng.uniform(-0.04, 0.04))
    else:
        return image, scene
    left = min(max(centre[0] * width - size[0] / 2, 0), width - size[0])
    top = min(max(centre[1] * height - size[1] / 2, 0), height - size[1])
    box = (round(left), round(top), round(left + size[0]), round(top + size[1]))
    return image.crop(box).resize(image.size, Image.Resampling.BICUBIC), scene
