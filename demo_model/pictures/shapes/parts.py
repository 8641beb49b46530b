"""The vocabulary in which products are described: parts with an outline and a role."""

from dataclasses import dataclass, field

from demo_model.pictures.shapes.geometry import Points


@dataclass
class Part:
    """A filled outline, or a stroke along it.

    `role` says what it is made of: "main" (the product's colour, material and pattern), "accent"
    (the same, darker and plain), "lining", or a fixed stuff such as "gold" or "rubber".
    `light` says how it is rounded: "bevel", "cylinder", "dome" or "flat".
    """

    outline: Points
    role: str = "main"
    stroke: float = 0.0
    closed: bool = True
    holes: list[Points] = field(default_factory=list)
    light: str = "bevel"
    stitched: bool = False
    opacity: float = 1.0


@dataclass
class Drawing:
    """The parts of one product from back to front, and where a word fits on it."""

    parts: list[Part]
    label: tuple[float, float] = (0.0, 0.0)
    label_width: float = 0.9
    tagged: bool = False  # too small for print: the word hangs beside it on a paper tag


def line(path: Points, role: str, stroke: float) -> Part:
    """A flat stroke: a seam, a zip, a lace."""
    return Part(path, role, stroke=stroke, closed=False, light="flat")
