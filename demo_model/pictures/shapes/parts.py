"""The parts that a product consists of: each has an outline, a role and a kind of light."""

from dataclasses import dataclass, field

from demo_model.pictures.shapes.geometry import Points


@dataclass
class Part:
    """A filled outline, or a stroke along it.

    `role`: "main" has the product's colour, material and pattern. "accent" is the same, darker and
    plain. Others are "lining", or a fixed material such as "gold" or "rubber".
    `light`: the curvature of the surface, "bevel", "cylinder", "dome" or "flat".
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
    """The parts of one product from back to front, and the place for a printed word."""

    parts: list[Part]
    label: tuple[float, float] = (0.0, 0.0)
    label_width: float = 0.9
    tagged: bool = False  # too small for print: the word is on a paper tag beside it


def line(path: Points, role: str, stroke: float) -> Part:
    """A flat stroke: a seam, a zip, a lace."""
    return Part(path, role, stroke=stroke, closed=False, light="flat")
