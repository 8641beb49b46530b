"""How the picture of a seed is taken: where the product stands, in what light, with what camera."""

import random
from dataclasses import dataclass

# The share of pictures as a shop takes them: on clean ground, in good light, filling the frame.
IN_A_SHOP = 0.62
DRAWN = 0.025
CAMERAS = (
    "dim",
    "warm",
    "cold",
    "blurred",
    "shaken",
    "noisy",
    "hazy",
    "shaded",
    "blinds",
    "squeezed",
)
GAMUTS = ("Display P3", "Adobe RGB", "ProPhoto RGB")


@dataclass(frozen=True)
class Setting:
    """One way to take a picture. The default is a shop's.

    `lived_in`: a background as people have it. `anywhere`: any place and size. `hand`: a hand holds
    the product. `camera`: what is wrong with light or camera, one of CAMERAS. `gamut`: the colour
    space of the file, one of GAMUTS; the picture is what is left of it after conversion to sRGB.
    `cut_out`: a region of a larger picture, in which a neighbour may be cut off. `drawn`: not a
    photo but a flat drawing of the product.
    """

    lived_in: bool = False
    anywhere: bool = False
    hand: bool = False
    camera: str | None = None
    gamut: str | None = None
    cut_out: bool = False
    drawn: bool = False


SHOP = Setting()


def setting_of(seed: int) -> Setting:
    """The setting of a seed."""
    rng = random.Random(f"setting:{seed}")
    chance = rng.random()
    if chance < IN_A_SHOP:
        return SHOP
    if chance > 1 - DRAWN:
        return Setting(drawn=True, anywhere=rng.random() < 0.5)
    lived_in, anywhere = rng.random() < 0.7, rng.random() < 0.55
    camera = rng.choice(CAMERAS) if rng.random() < 0.55 else None
    gamut = rng.choice(GAMUTS) if rng.random() < 0.15 else None
    held, cut_out = rng.random() < 0.2, rng.random() < 0.1
    return Setting(lived_in, anywhere and not cut_out, held and not cut_out, camera, gamut, cut_out)
