"""Outlines of clothing: T-shirt, dress, scarf, sun hat."""

from random import Random

import numpy as np

from demo_model.pictures.shapes.geometry import box, curve, ellipse, points, rounded
from demo_model.pictures.shapes.parts import Drawing, Part, line


def tshirt(rng: Random, material: str) -> Drawing:
    sleeve = rng.uniform(0.0, 0.14)
    waist = rng.uniform(0.5, 0.58)
    body = points(
        (-0.26, -0.82),
        (-0.52, -0.74),
        (-1.0, -0.22 + sleeve),
        (-0.76, 0.0 + sleeve),
        (-0.54, -0.24),
        (-waist, 0.9),
        (waist, 0.9),
        (0.54, -0.24),
        (0.76, 0.0 + sleeve),
        (1.0, -0.22 + sleeve),
        (0.52, -0.74),
        (0.26, -0.82),
    )
    neck = curve(
        points((-0.26, -0.83), (-0.17, -0.66), (0, -0.6), (0.17, -0.66), (0.26, -0.83)),
        closed=False,
    )
    outline = np.concatenate([rounded(body, 0.06), neck[::-1]])
    parts = [
        Part(ellipse(0, -0.81, 0.26, 0.07), "lining", light="flat"),
        Part(outline),
        Part(neck, "accent", stroke=0.075, closed=False),
        Part(
            points((-0.54, -0.3), (-0.57, 0.1)), "accent", stroke=0.02, closed=False, light="flat"
        ),
        Part(points((0.54, -0.3), (0.57, 0.1)), "accent", stroke=0.02, closed=False, light="flat"),
        Part(
            points((-waist, 0.84), (waist, 0.84)), "accent", stroke=0.02, closed=False, light="flat"
        ),
    ]
    if material == "knit":  # ribbed cuffs and hem
        parts.append(
            Part(points((-waist, 0.86), (waist, 0.86)), "accent", stroke=0.13, closed=False)
        )
        for side in (-1, 1):
            cuff = points((side * 0.96, -0.18 + sleeve), (side * 0.76, -0.04 + sleeve))
            parts.append(Part(cuff, "accent", stroke=0.12, closed=False))
    else:  # a breast pocket
        parts.append(Part(box(0.1, -0.42, 0.36, -0.14, 0.03), "accent"))
    return Drawing(parts, label=(0.0, -0.12), label_width=0.9)


def dress(rng: Random, material: str) -> Drawing:
    hem = rng.uniform(0.6, 0.82)
    waist_y = rng.uniform(-0.2, -0.08)
    bodice = points(
        (-0.2, -0.98),
        (-0.13, -0.98),
        (-0.1, -0.74),
        (0.1, -0.74),
        (0.13, -0.98),
        (0.2, -0.98),
        (0.32, -0.62),
        (0.23, waist_y),
        (-0.23, waist_y),
        (-0.32, -0.62),
    )
    waves = np.linspace(hem, -hem, 9)
    bottom = [
        (float(x), 0.96 - 0.10 * (float(x) / hem) ** 2 - 0.035 * (i % 2))
        for i, x in enumerate(waves)
    ]
    skirt = points(
        (-0.23, waist_y), (0.23, waist_y), (hem * 0.62, 0.3), *bottom, (-hem * 0.62, 0.3)
    )
    folds = [
        Part(
            points((x * 0.35, waist_y + 0.12), (x * hem, 0.86)),
            "accent",
            stroke=0.022,
            closed=False,
            light="flat",
        )
        for x in (-0.6, -0.2, 0.2, 0.6)
    ]
    parts = [
        Part(skirt, light="bevel"),
        *folds,
        Part(rounded(bodice, 0.03)),
        Part(box(-0.25, waist_y - 0.05, 0.25, waist_y + 0.05, 0.02), "accent"),
    ]
    sleeve = points((0.2, -0.96), (0.5, -0.6), (0.36, -0.46), (0.26, -0.62))
    if material == "knit":
        sleeve = points((0.2, -0.96), (0.56, -0.3), (0.62, 0.1), (0.5, 0.12), (0.26, -0.6))
    if material in ("cotton", "knit"):
        parts += [Part(rounded(sleeve * points((side, 1.0)), 0.05)) for side in (-1, 1)]
    if material == "cotton":
        collar = points((0.0, -0.7), (0.12, -0.8), (0.24, -0.74), (0.1, -0.58))
        parts += [Part(collar * points((side, 1.0)), "paper") for side in (-1, 1)]
    elif material == "denim":
        parts.append(line(points((0, -0.7), (0, 0.9)), "thread", 0.022))
        parts += [Part(ellipse(0, y, 0.04, 0.04), "gold") for y in (-0.55, -0.3, 0.1, 0.35, 0.6)]
    return Drawing(parts, label=(0.0, 0.45), label_width=0.8)


def scarf(rng: Random, material: str) -> Drawing:
    long_end, short_end = rng.uniform(0.78, 0.86), rng.uniform(0.4, 0.62)
    parts: list[Part] = []
    for x0, x1, tilt, end in ((0.02, 0.46, 0.12, short_end), (-0.44, 0.06, -0.08, long_end)):
        fringe = [
            points((float(x) + tilt, end - 0.05), (float(x) + tilt * 1.1, end + 0.16))
            for x in np.linspace(x0 + 0.03, x1 - 0.03, 7)
        ]
        tail = points((x0, -0.4), (x1, -0.4), (x1 + tilt, end), (x0 + tilt, end))
        if material == "knit":
            parts += [Part(thread, "accent", stroke=0.032, closed=False) for thread in fringe]
        elif material == "satin":  # ends in a point
            tip = ((x0 + x1) / 2 + tilt * 1.1, end + 0.2)
            tail = points((x0, -0.4), (x1, -0.4), (x1 + tilt, end), tip, (x0 + tilt, end))
        parts.append(Part(rounded(tail, 0.05)))
        parts.append(
            Part(
                points((x0 + tilt * 0.9, end - 0.09), (x1 + tilt * 0.9, end - 0.09)),
                "accent",
                stroke=0.12 if material == "cotton" else 0.03,  # a woven band
                closed=False,
            )
        )
    parts += [
        Part(ellipse(0, -0.56, 0.7, 0.36), light="dome"),
        Part(ellipse(0, -0.66, 0.42, 0.17), "lining", light="flat"),
        Part(
            curve(points((-0.66, -0.5), (-0.3, -0.26), (0.2, -0.24), (0.66, -0.44)), closed=False),
            "accent",
            stroke=0.03,
            closed=False,
        ),
        Part(
            curve(
                points(
                    (-0.6, -0.38),
                    (-0.1, -0.12),
                    (0.5, -0.26),
                    (0.62, -0.4),
                    (0.1, -0.32),
                    (-0.4, -0.42),
                )
            )
        ),
    ]
    return Drawing(parts, label=(-0.25, 0.3), label_width=0.5, tagged=True)


def hat(rng: Random, material: str) -> Drawing:
    brim = rng.uniform(0.28, 0.36)
    tall = rng.uniform(0.62, 0.75)
    crown = curve(
        points(
            (-0.5, 0.22),
            (-0.47, -0.2),
            (-0.36, 0.1 - tall),
            (0, 0.02 - tall),
            (0.36, 0.1 - tall),
            (0.47, -0.2),
            (0.5, 0.22),
            (0.25, 0.32),
            (0, 0.34),
            (-0.25, 0.32),
        )
    )
    if material != "straw":
        return _bucket_hat(rng, material)
    ribbon = np.concatenate(
        [ellipse(0, 0.18, 0.51, 0.14, 0, 180), ellipse(0, 0.02, 0.49, 0.12, 180, 0)]
    )
    parts = [
        Part(ellipse(0, 0.24, 1.0, brim), light="dome"),
        Part(
            ellipse(0, 0.3, 0.95, brim * 0.86, 10, 170),
            "accent",
            stroke=0.025,
            closed=False,
            light="flat",
        ),
        Part(crown, light="cylinder"),
        Part(ribbon, rng.choice(["dark", "paper"])),
    ]
    return Drawing(parts, label=(0.0, 0.3), label_width=0.6, tagged=True)


def _bucket_hat(rng: Random, material: str) -> Drawing:
    top, wide = rng.uniform(-0.74, -0.62), rng.uniform(0.84, 0.94)
    crown = rounded(points((-0.44, top), (0.44, top), (0.56, 0.1), (-0.56, 0.1)), 0.16)
    brim = np.concatenate(
        [ellipse(0, 0.08, 0.57, 0.1, 180, 360), ellipse(0, 0.44, wide, 0.2, 0, 180)]
    )
    thread = "thread" if material == "denim" else "accent"
    parts = [Part(crown, light="cylinder"), Part(brim, light="cylinder")]
    parts += [
        line(ellipse(0, 0.08 + 0.12 * row, 0.6 + 0.1 * row, 0.13, 0, 180), thread, 0.022)
        for row in (0, 1, 2)
    ]
    return Drawing(parts, label=(0.0, 0.3), label_width=0.6, tagged=True)
