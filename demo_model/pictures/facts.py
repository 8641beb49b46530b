"""The facts about the picture of a seed, chosen at random. The renderer draws the picture from
them."""

import random
from dataclasses import dataclass, replace

from demo_model.pictures.catalogue import BRANDS, COLOURS, KINDS, NOTES, PATTERNS
from demo_model.pictures.setting import Setting, setting_of

# Training uses seeds below this one, evaluation and the sample photos those from it on.
FIRST_HELD_OUT_SEED = 1_000_000_000
# The share of pictures with two products.
PAIRS = 0.14
# Of the single products without a brand.
NOTED = 0.13
# Only cloth, glaze and plastic have patterns. Leather, denim, straw and metal are plain.
PRINTED_MATERIALS = ("canvas", "knit", "cotton", "satin", "ceramic", "plastic")


@dataclass(frozen=True)
class Product:
    """The visible attributes of one product. `brand`: the word printed on it, if any. `note`: words
    on a sticker that give orders or make claims; they are read out, and change nothing else."""

    kind: str
    colour: str
    material: str
    pattern: str
    brand: str | None = None
    note: str | None = None

    @property
    def words(self) -> str | None:
        """What can be read on it."""
        return self.brand or self.note


@dataclass(frozen=True)
class Scene:
    """The content of one picture: one product, two, or none (a landscape, noise, shapes).

    `outside`: what a picture is that is not of the demo world: a photograph, a drawing, a
    screenshot or a page. Such a scene has no products and no meaning for its seed.
    `drawn`: a flat drawing of the product, in which no material can be seen.
    """

    seed: int
    products: tuple[Product, ...]
    outside: str | None = None
    drawn: bool = False

    @property
    def product(self) -> Product | None:
        return self.products[0] if self.products else None


def random_for(seed: int, purpose: str) -> random.Random:
    """Random numbers for one use of a seed, independent of those for other uses."""
    return random.Random(f"{purpose}:{seed}")


def _colour(rng: random.Random, material: str) -> str:
    if material == "denim":
        return rng.choice(["blue", "blue", "black", "grey", "white"])
    return rng.choice(list(COLOURS))


def _product(rng: random.Random, kind_key: str | None = None) -> Product:
    kind = KINDS[kind_key or rng.choice(list(KINDS))]
    material = rng.choice(kind.materials)
    pattern = "plain"
    if kind.patterned and material in PRINTED_MATERIALS and rng.random() < 0.7:
        pattern = rng.choice([name for name in PATTERNS if name != "plain"])
    brand = rng.choice(list(BRANDS)) if rng.random() < 0.45 else None
    return Product(kind.key, _colour(rng, material), material, pattern, brand)


def scene_of(seed: int, setting: Setting | None = None) -> Scene:
    """The scene of a seed, without drawing it. `setting`: how it is taken, if not as
    `setting_of(seed)` says."""
    scene = _photographed_scene(seed)
    if (setting or setting_of(seed)).drawn and scene.products:
        return replace(scene, products=tuple(map(_without_words, scene.products)), drawn=True)
    return scene


def visible(scene: Scene) -> Scene:
    """What can be seen of a scene: in a flat drawing no material, which is "" then."""
    if not scene.drawn:
        return scene
    return replace(scene, products=tuple(replace(p, material="") for p in scene.products))


def stranger_to(product: Product, rng: random.Random) -> Product:
    """A product of another kind, without a word on it."""
    return _without_words(_product(rng, rng.choice([key for key in KINDS if key != product.kind])))


def _photographed_scene(seed: int) -> Scene:
    rng = random_for(seed, "facts")
    chance = rng.random()
    if chance < 0.06:
        return Scene(seed, ())
    first = _product(rng)
    if chance > 1 - PAIRS:
        return Scene(seed, (_without_words(first), stranger_to(first, rng)))
    if first.brand is None and random_for(seed, "note").random() < NOTED:
        note = random_for(seed, "which note").choice(list(NOTES))
        first = replace(first, note=note)
    return Scene(seed, (first,))


def _without_words(product: Product) -> Product:
    return Product(product.kind, product.colour, product.material, product.pattern)
