"""Outlines of bags: handbag, tote, backpack, wallet."""

from random import Random

from demo_model.pictures.shapes.geometry import Points, box, curve, ellipse, points, rounded
from demo_model.pictures.shapes.parts import Drawing, Part, line


def _handle(x: float, bottom: float, top: float, width: float, stroke: float, role: str) -> Part:
    arch = curve(
        points(
            (x - width, bottom),
            (x - width * 0.92, (bottom + top) / 2),
            (x - width * 0.5, top),
            (x, top - 0.04),
            (x + width * 0.5, top),
            (x + width * 0.92, (bottom + top) / 2),
            (x + width, bottom),
        ),
        closed=False,
    )
    return Part(arch, role, stroke=stroke, closed=False)


def _jeans_pocket(x: float, y: float) -> Part:
    """The gold-coloured outline of a patch pocket."""
    corners = ((-0.24, -0.26), (0.24, -0.26), (0.24, 0.14), (0.0, 0.3), (-0.24, 0.14))
    return Part(points(*corners) + points((x, y)), "thread", stroke=0.045, light="flat")


def handbag(rng: Random, material: str) -> Drawing:
    flare = rng.uniform(0.05, 0.16)
    top, handle_top = rng.uniform(-0.25, -0.12), rng.uniform(-0.92, -0.72)
    hardware = rng.choice(["gold", "silver"])
    body = rounded(
        points((-0.78, top), (0.78, top), (0.78 + flare, 0.82), (-0.78 - flare, 0.82)), 0.2
    )
    side = rounded(
        points((0.76, top + 0.05), (0.93, top - 0.05), (1.02 + flare, 0.66), (0.76 + flare, 0.8)),
        0.06,
    )
    drop = rng.uniform(0.25, 0.42)
    flap = curve(
        points(
            (-0.8, top),
            (-0.3, top - 0.03),
            (0.3, top - 0.03),
            (0.8, top),
            (0.76, top + drop * 0.7),
            (0.3, top + drop),
            (-0.3, top + drop),
            (-0.76, top + drop * 0.7),
        )
    )
    closing = [
        Part(flap, "accent"),
        Part(box(-0.11, top + drop - 0.1, 0.11, top + drop + 0.1, 0.04), hardware),
    ]
    if material == "canvas":  # a zip and a pocket instead of a flap
        pocket = box(-0.6, top + 0.32, 0.6, 0.7, 0.1)
        closing = [
            line(points((-0.72, top + 0.07), (0.72, top + 0.07)), "dark", 0.05),
            Part(pocket, "accent", stroke=0.04),
        ]
    elif material == "straw":  # a basket with a rim and a toggle
        rim = box(-0.8, top - 0.02, 0.8, top + 0.15, 0.06)
        closing = [Part(rim, "accent"), Part(ellipse(0, top + 0.12, 0.13, 0.07), "timber")]
    parts = [
        _handle(0.05, top + 0.06, handle_top + 0.03, 0.44, 0.10, "accent"),
        Part(side, "accent"),
        Part(body, stitched=material == "leather"),
        *closing,
        _handle(0.0, top + 0.1, handle_top, 0.46, 0.115, "accent"),
        Part(ellipse(-0.46, top + 0.1, 0.065, 0.065), hardware),
        Part(ellipse(0.46, top + 0.1, 0.065, 0.065), hardware),
    ]
    return Drawing(parts, label=(0.0, 0.52), label_width=1.1)


def tote(rng: Random, material: str) -> Drawing:
    top = rng.uniform(-0.32, -0.2)
    handle_top = rng.uniform(-0.98, -0.86)
    taper = rng.uniform(0.0, 0.08)
    body = rounded(
        points((-0.74, top), (0.74, top), (0.74 - taper, 0.98), (-0.74 + taper, 0.98)), 0.05
    )
    opening = ellipse(0, top, 0.74, 0.085)
    reach = rng.uniform(0.3, 0.38)
    parts = [
        _handle(0.04, top + 0.02, handle_top + 0.06, reach, 0.07, "accent"),
        Part(opening, "lining", light="flat"),
        Part(body),
        Part(box(-0.74, top, 0.74, top + 0.09, 0.02), "accent"),
        _handle(0, top + 0.2, handle_top, reach, 0.085, "accent"),
        Part(box(-reach - 0.09, top + 0.12, -reach + 0.09, top + 0.34, 0.02), "accent"),
        Part(box(reach - 0.09, top + 0.12, reach + 0.09, top + 0.34, 0.02), "accent"),
    ]
    if material == "denim":
        parts += [_jeans_pocket(-0.36, 0.45), _jeans_pocket(0.36, 0.45)]
    elif material == "leather":
        parts[2].stitched = True
        parts += [
            line(points((reach, top + 0.1), (reach - 0.12, 0.12)), "gold", 0.03),
            Part(box(reach - 0.24, 0.1, reach - 0.02, 0.4, 0.06), "accent"),
        ]
    elif material == "straw":
        parts.append(Part(box(-0.72, 0.3, 0.72, 0.44, 0.02), "accent"))
    return Drawing(parts, label=(0.0, 0.52), label_width=1.15)


def backpack(rng: Random, material: str) -> Drawing:
    wide = rng.uniform(0.58, 0.66)
    body = rounded(
        points((-wide, -0.72), (wide, -0.72), (wide + 0.04, 0.95), (-wide - 0.04, 0.95)), 0.42
    )
    pocket_top = rng.uniform(0.18, 0.3)
    pocket = rounded(
        points(
            (-wide + 0.1, pocket_top),
            (wide - 0.1, pocket_top),
            (wide - 0.08, 0.88),
            (-wide + 0.08, 0.88),
        ),
        0.14,
    )
    zip_line = curve(
        points(
            (-wide + 0.06, 0.05),
            (-wide + 0.14, -0.4),
            (0, -0.56),
            (wide - 0.14, -0.4),
            (wide - 0.06, 0.05),
        ),
        closed=False,
    )
    strap_left: Points = curve(
        points((-0.3, -0.66), (-wide - 0.2, -0.3), (-wide - 0.24, 0.3), (-wide - 0.02, 0.72)),
        closed=False,
    )
    strap_right = strap_left * points((-1.0, 1.0))
    parts = [
        _handle(0, -0.66, -0.95, 0.17, 0.08, "accent"),
        Part(strap_left, "accent", stroke=0.13, closed=False),
        Part(strap_right, "accent", stroke=0.13, closed=False),
        Part(box(-wide - 0.16, 0.3, -wide + 0.1, 0.86, 0.1), "accent"),
        Part(box(wide - 0.1, 0.3, wide + 0.16, 0.86, 0.1), "accent"),
        Part(body),
        Part(zip_line, "dark", stroke=0.035, closed=False, light="flat"),
        Part(pocket, stitched=True),
        Part(
            points((-wide + 0.12, pocket_top + 0.1), (wide - 0.12, pocket_top + 0.1)),
            "dark",
            stroke=0.03,
            closed=False,
            light="flat",
        ),
        Part(box(wide - 0.3, pocket_top + 0.08, wide - 0.26, pocket_top + 0.24, 0.01), "silver"),
    ]
    if material == "denim":
        parts.append(_jeans_pocket(0, 0.56))
    elif material == "leather":  # a flap with two buckled straps
        flap = points(
            (-wide, -0.4), (0, -0.8), (wide, -0.4), (wide - 0.06, 0.1), (-wide + 0.06, 0.1)
        )
        parts.append(Part(curve(flap), "accent"))
        for x in (-0.28, 0.28):
            parts.append(Part(box(x - 0.05, -0.1, x + 0.05, 0.5, 0.03), "accent"))
            parts.append(Part(box(x - 0.08, 0.24, x + 0.08, 0.36, 0.02), "gold"))
    return Drawing(parts, label=(0.0, -0.14), label_width=0.9)


def wallet(rng: Random, material: str) -> Drawing:
    lift = rng.uniform(0.1, 0.16)
    hardware = rng.choice(["gold", "silver"])
    front = box(-0.98, -0.5, 0.98, 0.66, 0.13)
    back = box(-0.95, -0.5 - lift, 0.95, 0.5, 0.1)
    card_x = rng.uniform(-0.5, 0.1)
    strap = rounded(points((0.5, -0.02), (1.03, -0.02), (1.03, 0.2), (0.5, 0.2)), 0.1)
    parts = [
        Part(back, "accent"),
        Part(
            box(card_x - 0.4, -0.62 - lift, card_x + 0.4, 0, 0.05),
            rng.choice(["paper", "gold", "silver"]),
        ),
        Part(box(card_x - 0.1, -0.55 - lift, card_x + 0.7, 0, 0.05), "paper"),
        Part(front, stitched=material == "leather"),
        Part(points((-0.98, 0.6), (0.98, 0.6)), "accent", stroke=0.05, closed=False),
    ]
    if material == "leather":
        parts += [Part(strap, "accent"), Part(ellipse(0.62, 0.09, 0.075, 0.075), hardware)]
    elif material == "canvas":
        parts.append(Part(box(0.56, -0.5, 0.74, 0.66, 0.02), "dark"))
    else:
        parts += [_jeans_pocket(0.6, 0.08), Part(ellipse(0.85, -0.36, 0.05, 0.05), "gold")]
    return Drawing(parts, label=(-0.25, 0.1), label_width=1.15)
