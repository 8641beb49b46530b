"""Outlines of shoes seen from the side, toe to the right: sneaker, high heel, boot."""

from random import Random

from demo_model.pictures.shapes.geometry import box, curve, ellipse, points, rounded
from demo_model.pictures.shapes.parts import Drawing, Part, line


def sneaker(rng: Random, material: str) -> Drawing:
    collar = rng.uniform(-0.5, -0.38)
    upper = curve(
        points(
            (-0.92, 0.3),
            (-0.95, -0.05),
            (-0.88, collar),
            (-0.7, collar - 0.04),
            (-0.42, collar + 0.14),
            (-0.2, collar + 0.02),
            (0.02, -0.28),
            (0.4, -0.08),
            (0.75, 0.03),
            (0.95, 0.18),
            (0.97, 0.34),
            (0.4, 0.38),
            (-0.4, 0.38),
        )
    )
    sole = curve(
        points(
            (-0.97, 0.26),
            (-0.5, 0.3),
            (0.0, 0.3),
            (0.5, 0.28),
            (1.0, 0.22),
            (1.04, 0.36),
            (0.92, 0.5),
            (0.3, 0.53),
            (-0.5, 0.53),
            (-0.95, 0.5),
            (-1.02, 0.38),
        )
    )
    toe = curve(
        points((0.56, -0.01), (0.8, 0.05), (0.97, 0.2), (0.96, 0.32), (0.5, 0.33), (0.48, 0.15))
    )
    parts = [
        Part(upper),
        Part(
            curve(
                points(
                    (-0.88, collar + 0.02),
                    (-0.7, collar + 0.02),
                    (-0.44, collar + 0.18),
                    (-0.24, collar + 0.06),
                ),
                closed=False,
            ),
            "accent",
            stroke=0.09,
            closed=False,
        ),
        Part(curve(points((-0.95, 0.28), (-0.94, -0.02), (-0.72, 0.02), (-0.6, 0.28))), "accent"),
        Part(sole, "rubber"),
        Part(points((-0.98, 0.44), (1.0, 0.42)), "accent", stroke=0.04, closed=False, light="flat"),
    ]
    if material == "knit":  # a sock: no laces, a high ribbed collar
        parts.append(line(points((-0.9, collar - 0.04), (-0.3, collar + 0.04)), "accent", 0.16))
        return Drawing(parts, label=(0.0, 0.2), label_width=0.7, tagged=True)
    parts.append(Part(toe, "rubber" if material == "canvas" else "accent"))
    for step in range(4):
        x, y = -0.16 + 0.16 * step, collar + 0.14 + 0.085 * step
        parts.append(line(points((x - 0.13, y + 0.11), (x + 0.07, y - 0.04)), "rubber", 0.05))
    if material == "leather":
        for step in range(3):
            x = -0.32 + 0.14 * step
            parts.append(line(points((x - 0.06, 0.26), (x + 0.1, 0.0)), "rubber", 0.06))
    else:
        parts.append(Part(ellipse(-0.5, 0.08, 0.13, 0.13), "rubber"))
    return Drawing(parts, label=(0.0, 0.2), label_width=0.7, tagged=True)


def heel(rng: Random, material: str) -> Drawing:
    lift = rng.uniform(-0.2, -0.08)
    upper = curve(
        points(
            (-0.9, lift),
            (-0.88, lift - 0.36),
            (-0.72, lift - 0.34),
            (-0.5, lift - 0.05),
            (-0.1, 0.18),
            (0.3, 0.27),
            (0.52, 0.2),
            (0.68, 0.26),
            (0.98, 0.56),
            (1.0, 0.66),
            (0.6, 0.68),
            (0.3, 0.64),
            (-0.1, 0.5),
            (-0.5, lift + 0.38),
            (-0.8, lift + 0.2),
        )
    )
    opening = curve(
        points(
            (-0.86, lift - 0.3),
            (-0.7, lift - 0.26),
            (-0.46, lift + 0.04),
            (-0.06, 0.26),
            (0.3, 0.33),
            (0.48, 0.25),
            (0.28, 0.26),
            (-0.1, 0.16),
            (-0.5, lift - 0.08),
            (-0.74, lift - 0.34),
        )
    )
    thin = rng.uniform(0.02, 0.05)
    stiletto = points(
        (-0.9, lift + 0.05),
        (-0.54, lift + 0.34),
        (-0.7, 0.5),
        (-0.76 + thin, 0.86),
        (-0.84 - thin, 0.86),
        (-0.88, 0.4),
    )
    sole = curve(
        points(
            (1.0, 0.62),
            (1.0, 0.7),
            (0.6, 0.73),
            (0.26, 0.7),
            (-0.14, 0.56),
            (-0.5, lift + 0.46),
            (-0.52, lift + 0.36),
            (-0.1, 0.49),
            (0.3, 0.64),
            (0.6, 0.67),
        )
    )
    parts = [
        Part(stiletto, "accent", light="cylinder"),
        Part(sole, rng.choice(["dark", "timber"])),
        Part(upper),
        Part(opening, "lining", light="flat"),
    ]
    if material == "satin":  # a bow
        for side in (-1, 1):
            wing = points((0.56, 0.3), (0.56 + side * 0.2, 0.16), (0.56 + side * 0.2, 0.42))
            parts.append(Part(rounded(wing, 0.06), "accent"))
        parts.append(Part(ellipse(0.56, 0.3, 0.055, 0.055)))
    elif material == "leather":
        parts.append(Part(ellipse(0.56, 0.3, 0.1, 0.07), rng.choice(["gold", "silver"])))
    else:
        seam = points(
            (-0.84, lift + 0.14), (-0.5, lift + 0.3), (-0.1, 0.44), (0.3, 0.58), (0.9, 0.62)
        )
        parts.append(line(curve(seam, closed=False), "thread", 0.05))
    return Drawing(parts, label=(0.4, 0.5), label_width=0.5, tagged=True)


def boot(rng: Random, material: str) -> Drawing:
    top = rng.uniform(-0.98, -0.8)
    wide = rng.uniform(0.0, 0.06)
    upper = curve(
        points(
            (-0.62 - wide, top),
            (-0.3, top - 0.02),
            (0.06 + wide, top),
            (0.06, top + 0.4),
            (0.06, 0.02),
            (0.2, 0.22),
            (0.55, 0.32),
            (0.84, 0.44),
            (0.92, 0.7),
            (0.4, 0.76),
            (-0.3, 0.76),
            (-0.66, 0.74),
            (-0.68, 0.4),
            (-0.6, 0.0),
            (-0.62, top + 0.4),
        )
    )
    parts = [
        Part(ellipse(-0.28, top + 0.02, 0.33 + wide, 0.06), "lining", light="flat"),
        Part(upper, stitched=False),
        Part(box(-0.65 - wide, top, 0.09 + wide, top + 0.13, 0.04), "accent"),
        Part(
            curve(points((-0.66, 0.28), (-0.3, 0.18), (0.1, 0.2)), closed=False),
            "accent",
            stroke=0.07,
            closed=False,
        ),
        Part(box(-0.7, 0.74, -0.25, 0.97, 0.03), "dark"),
        Part(
            rounded(points((-0.7, 0.7), (0.9, 0.7), (0.96, 0.82), (0.2, 0.84), (-0.7, 0.82)), 0.04),
            "dark",
        ),
    ]
    if material == "leather":
        parts.append(Part(box(-0.2, 0.12, -0.04, 0.28, 0.02), rng.choice(["gold", "silver"])))
    elif material == "canvas":
        toe = curve(points((0.55, 0.4), (0.86, 0.48), (0.92, 0.72), (0.5, 0.74)))
        parts.append(Part(toe, "rubber"))
        for step in range(5):
            y = top + 0.28 + 0.15 * step
            parts.append(line(points((-0.12, y), (0.06, y + 0.08)), "rubber", 0.04))
    else:
        parts.append(line(points((-0.3, top + 0.15), (-0.3, 0.66)), "thread", 0.05))
        parts.append(line(points((-0.36, top + 0.15), (-0.36, 0.66)), "thread", 0.05))
    return Drawing(parts, label=(-0.28, -0.3), label_width=0.5, tagged=True)
