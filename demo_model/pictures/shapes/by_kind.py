"""Which function draws which kind of product.

Each gets the material: a metal chair has other parts than a wooden one.
"""

from collections.abc import Callable
from random import Random

from demo_model.pictures.shapes import accessories as shapes_accessories
from demo_model.pictures.shapes import bags as shapes_bags
from demo_model.pictures.shapes import home as shapes_home
from demo_model.pictures.shapes import shoes as shapes_shoes
from demo_model.pictures.shapes import wear as shapes_wear
from demo_model.pictures.shapes.parts import Drawing

SHAPES: dict[str, Callable[[Random, str], Drawing]] = {
    "handbag": shapes_bags.handbag,
    "tote": shapes_bags.tote,
    "backpack": shapes_bags.backpack,
    "wallet": shapes_bags.wallet,
    "sneaker": shapes_shoes.sneaker,
    "heel": shapes_shoes.heel,
    "boot": shapes_shoes.boot,
    "tshirt": shapes_wear.tshirt,
    "dress": shapes_wear.dress,
    "scarf": shapes_wear.scarf,
    "hat": shapes_wear.hat,
    "watch": shapes_accessories.watch,
    "sunglasses": shapes_accessories.sunglasses,
    "headphones": shapes_accessories.headphones,
    "umbrella": shapes_accessories.umbrella,
    "mug": shapes_home.mug,
    "pan": shapes_home.pan,
    "lamp": shapes_home.lamp,
    "chair": shapes_home.chair,
    "sofa": shapes_home.sofa,
}
