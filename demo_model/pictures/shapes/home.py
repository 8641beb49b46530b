"""Outlines of things for the home: mug, frying pan, lamp, chair, sofa."""

from random import Random

import numpy as np

from demo_model.pictures.shapes.geometry import box, curve, ellipse, points, rounded
from demo_model.pictures.shapes.parts import Drawing, Part, line


def mug(rng: Random, material: str) -> Drawing:
    wide, tall = rng.uniform(0.54, 0.66), rng.uniform(0.72, 0.84)
    taper = rng.uniform(0.0, 0.1)
    rim = 0.15
    bottom = ellipse(-0.14, tall - rim, wide - taper, rim, 0, 180)
    top = ellipse(-0.14, -tall + rim, wide, rim, 180, 360)
    handle = curve(
        points(
            (wide - 0.2, -0.46),
            (wide + 0.12, -0.46),
            (wide + 0.3, -0.2),
            (wide + 0.28, 0.14),
            (wide + 0.06, 0.38),
            (wide - 0.24, 0.42),
        ),
        closed=False,
    )
    parts = [
        Part(handle, "accent", stroke=0.15, closed=False),
        Part(np.concatenate([top, bottom]), light="cylinder"),
        Part(ellipse(-0.14, -tall + rim, wide, rim), "accent", light="flat"),
        Part(ellipse(-0.14, -tall + rim, wide - 0.06, rim - 0.035), "lining", light="flat"),
    ]
    if rng.random() < 0.5:
        parts.append(
            Part(
                ellipse(-0.14, -tall + rim + 0.03, wide - 0.1, rim - 0.065), "timber", light="flat"
            )
        )
    if material == "metal":  # an enamel mug: a dark rim and foot
        parts.append(
            Part(ellipse(-0.14, -tall + rim, wide, rim), "dark", stroke=0.05, light="flat")
        )
        parts.append(line(ellipse(-0.14, tall - rim, wide - taper, rim, 5, 175), "dark", 0.05))
    elif material == "plastic":  # a travel cup: a lid with a mouthpiece
        parts.append(Part(box(-0.2 - wide, -tall - 0.04, wide - 0.08, -tall + 0.24, 0.08), "dark"))
        parts.append(Part(box(-0.3, -tall - 0.14, 0.02, -tall, 0.05), "dark"))
    return Drawing(parts, label=(-0.14, 0.12), label_width=0.85)


def pan(rng: Random, material: str) -> Drawing:
    squash = rng.uniform(0.5, 0.8)
    radius = 0.68
    cx = -0.34
    handle = rounded(
        points((cx + radius - 0.06, -0.08), (1.0, -0.11), (1.04, 0.09), (cx + radius - 0.06, 0.08)),
        0.06,
    )
    lower = np.concatenate(
        [
            ellipse(cx, 0.0, radius, radius * squash, 0, 180),
            ellipse(cx, 0.1, radius * 0.86, radius * squash, 180, 0),
        ]
    )
    parts = [
        Part(handle, "timber" if material == "ceramic" else rng.choice(["dark", "silver"])),
        Part(points((0.9, -0.01), (0.96, -0.01)), "paper", stroke=0.05, closed=False, light="flat"),
        Part(box(cx + radius - 0.12, -0.1, cx + radius + 0.1, 0.1, 0.03), "silver"),
        Part(lower + points((0.0, 0.05)), "accent", light="cylinder"),
        Part(ellipse(cx, 0.0, radius, radius * squash), "accent"),
        Part(ellipse(cx, 0.0, radius * 0.93, radius * squash * 0.92), light="dome"),
        Part(
            ellipse(cx, 0.03, radius * 0.74, radius * squash * 0.7),
            "accent",
            stroke=0.025,
            light="flat",
        ),
    ]
    if material == "ceramic":  # a pale glazed rim
        parts.append(Part(ellipse(cx, 0.0, radius, radius * squash), "paper", stroke=0.05))
    else:  # rivets
        parts += [Part(ellipse(cx + radius - 0.16, y, 0.03, 0.03), "silver") for y in (-0.06, 0.06)]
    return Drawing(parts, label=(cx, 0.03), label_width=0.8)


def lamp(rng: Random, material: str) -> Drawing:
    top, low = rng.uniform(0.24, 0.42), rng.uniform(0.6, 0.74)
    shade_bottom = rng.uniform(-0.12, 0.0)
    shade = np.concatenate(
        [
            ellipse(0, -0.9, top, 0.05, 180, 360),
            ellipse(0, shade_bottom, low, 0.1, 0, 180),
        ]
    )
    if material == "metal":  # a dome
        shade = np.concatenate(
            [
                ellipse(0, shade_bottom, low, 0.1, 0, 180),
                ellipse(0, shade_bottom, low, 0.86 + shade_bottom, 180, 360),
            ]
        )
        top = 0.06
    stem_role = rng.choice(["timber", "gold", "silver", "dark"])
    bulb = curve(
        points(
            (-0.09, 0.1),
            (-0.13, 0.34),
            (-0.24, 0.56),
            (-0.16, 0.78),
            (0.16, 0.78),
            (0.24, 0.56),
            (0.13, 0.34),
            (0.09, 0.1),
        )
    )
    parts = [Part(points((0, -0.02), (0, 0.82)), stem_role, stroke=0.085, closed=False)]
    if material == "ceramic":  # a glazed vase for a foot
        parts.append(Part(bulb * points((1.3, 1.0)), light="cylinder"))
    elif material == "canvas":
        parts.append(Part(bulb, stem_role, light="cylinder"))
    pleats = []
    if material == "canvas":  # a pleated shade
        for share in np.linspace(-0.8, 0.8, 7):
            ends = points((float(share) * top, -0.88), (float(share) * low, shade_bottom + 0.05))
            pleats.append(line(ends, "accent", 0.03))
    parts += [
        Part(ellipse(0, 0.86, 0.42, 0.1), stem_role, light="dome"),
        Part(ellipse(0, shade_bottom, low, 0.1), "glow", light="flat"),
        Part(shade, light="cylinder"),
        *pleats,
        Part(ellipse(0, shade_bottom, low, 0.1, 0, 180), "accent", stroke=0.04, closed=False),
        Part(ellipse(0, -0.9, top, 0.05), "accent", light="flat"),
    ]
    return Drawing(parts, label=(0.0, -0.4), label_width=0.75)


def chair(rng: Random, material: str) -> Drawing:
    back_top = rng.uniform(-1.0, -0.9)
    lean = rng.uniform(0.02, 0.1)
    seat = rounded(points((-0.52, 0.1), (0.44, 0.1), (0.62, 0.32), (-0.42, 0.32)), 0.06)
    thick = {"wood": 0.11, "plastic": 0.13, "metal": 0.055}[material]
    parts = [
        Part(points((-0.42, 0.16), (-0.46, 0.8)), "accent", stroke=thick * 0.85, closed=False),
        Part(points((0.4, 0.16), (0.44, 0.8)), "accent", stroke=thick * 0.85, closed=False),
        Part(points((-0.44, 0.56), (0.42, 0.56)), "accent", stroke=0.05, closed=False),
    ]
    if material == "metal":  # a bent tube with thin bars
        back = curve(
            points((-0.46, 0.14), (-0.5, -0.6), (-0.02, back_top), (0.4, -0.6), (0.4, 0.14)),
            closed=False,
        )
        parts.append(Part(back, stroke=0.09, closed=False))
        bars = [points((x, -0.78), (x, 0.14)) for x in (-0.26, -0.04, 0.18)]
        parts += [Part(bar, stroke=0.05, closed=False) for bar in bars]
    elif material == "wood":
        parts += [
            Part(points((-0.46, 0.14), (-0.5 - lean, back_top + 0.08)), stroke=0.11, closed=False),
            Part(points((0.4, 0.14), (0.4 - lean, back_top + 0.08)), stroke=0.11, closed=False),
            Part(box(-0.58 - lean, back_top, 0.48 - lean, back_top + 0.26, 0.08)),
            Part(box(-0.5 - lean, back_top + 0.42, 0.42 - lean, back_top + 0.56, 0.04)),
            Part(box(-0.49 - lean * 0.5, back_top + 0.7, 0.41 - lean * 0.5, back_top + 0.84, 0.04)),
        ]
    else:
        back = rounded(
            points((-0.52 - lean, back_top), (0.44 - lean, back_top), (0.44, 0.14), (-0.5, 0.14)),
            0.24,
        )
        parts.append(Part(back))
        parts.append(Part(box(-0.22, back_top + 0.2, 0.12, back_top + 0.3, 0.05), "lining"))
    parts += [
        Part(seat + points((0.0, 0.09)), "accent"),
        Part(seat),
        Part(points((-0.36, 0.38), (-0.42, 1.0)), stroke=thick, closed=False),
        Part(points((0.54, 0.38), (0.6, 1.0)), stroke=thick, closed=False),
    ]
    return Drawing(parts, label=(0.0, 0.5), label_width=0.5, tagged=True)


def sofa(rng: Random, material: str) -> Drawing:
    back_top = rng.uniform(-0.58, -0.46)
    seats = rng.choice([2, 3])
    legs = rng.choice(["timber", "dark", "silver"])
    parts = [Part(box(x - 0.05, 0.44, x + 0.05, 0.66, 0.02), legs) for x in (-0.82, 0.82)]
    parts.append(Part(box(-0.86, back_top, 0.86, 0.3, 0.16)))
    width = 1.44 / seats
    for index in range(seats):
        x0 = -0.72 + width * index
        parts.append(Part(box(x0 + 0.01, back_top + 0.12, x0 + width - 0.01, 0.14, 0.12)))
    for index in range(seats):
        x0 = -0.74 + 1.48 / seats * index
        parts.append(Part(box(x0 + 0.01, 0.02, x0 + 1.48 / seats - 0.01, 0.28, 0.09)))
    parts += [
        Part(box(-0.9, 0.26, 0.9, 0.5, 0.06), "accent"),
        Part(box(-1.02, -0.16, -0.72, 0.52, 0.14)),
        Part(box(0.72, -0.16, 1.02, 0.52, 0.14)),
    ]
    if material == "canvas":  # pale piping
        parts += [line(points((-0.72, y), (0.72, y)), "paper", 0.03) for y in (0.03, 0.27)]
    elif material == "leather":  # buttons
        for x in np.linspace(-0.56, 0.56, 6):
            parts += [Part(ellipse(float(x), y, 0.03, 0.03), "dark") for y in (-0.3, -0.12)]
    elif material == "knit":  # loose cushions
        for x in (-0.5, 0.5):
            cushion = points((x - 0.2, -0.34), (x + 0.2, -0.3), (x + 0.18, 0.06), (x - 0.22, 0.04))
            parts.append(Part(rounded(cushion, 0.08), "paper"))
    return Drawing(parts, label=(0.0, 0.4), label_width=0.5, tagged=True)
