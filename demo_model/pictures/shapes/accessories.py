"""Outlines of accessories: watch, sunglasses, headphones, umbrella."""

from random import Random

import numpy as np

from demo_model.pictures.shapes.geometry import box, curve, ellipse, points, rounded
from demo_model.pictures.shapes.parts import Drawing, Part, line


def watch(rng: Random, material: str) -> Drawing:
    metal = rng.choice(["gold", "silver"])
    face = rng.choice(["face", "dark"])
    hand = "ink" if face == "face" else "paper"
    narrow = rng.uniform(0.28, 0.32)
    parts = [
        Part(
            rounded(points((-0.34, -0.4), (-narrow, -1.0), (narrow, -1.0), (0.34, -0.4)), 0.06),
            light="cylinder",
            stitched=material == "leather",
        ),
        Part(
            rounded(points((-0.34, 0.4), (-narrow, 1.0), (narrow, 1.0), (0.34, 0.4)), 0.06),
            light="cylinder",
            stitched=material == "leather",
        ),
    ]
    if material == "canvas":  # a striped band
        for sign in (-1, 1):
            parts.append(line(points((-0.1, sign * 0.4), (-0.09, sign * 1.0)), "paper", 0.07))
            parts.append(line(points((0.1, sign * 0.4), (0.09, sign * 1.0)), "paper", 0.07))
    elif material == "metal":  # links
        levels = [side * float(y) for y in np.linspace(0.46, 0.98, 6) for side in (-1, 1)]
        parts += [line(points((-0.31, y), (0.31, y)), "dark", 0.026) for y in levels]
    else:
        parts += [Part(ellipse(0, y, 0.035, 0.05), "dark") for y in (0.6, 0.74, 0.88)]
    parts += [
        Part(box(0.48, -0.07, 0.6, 0.07, 0.03), metal),
        Part(ellipse(0, 0, 0.53, 0.53), metal),
        Part(ellipse(0, 0, 0.43, 0.43), face, light="flat"),
    ]
    for hour in range(12):
        angle = hour * np.pi / 6
        x, y = float(np.sin(angle)), float(-np.cos(angle))
        mark = points((0.33 * x, 0.33 * y), (0.39 * x, 0.39 * y))
        parts.append(line(mark, hand, 0.04))
    for length, angle, width in (
        (0.22, rng.uniform(0, 6.28), 0.055),
        (0.32, rng.uniform(0, 6.28), 0.04),
    ):
        tip = (length * float(np.sin(angle)), -length * float(np.cos(angle)))
        parts.append(line(points((0, 0), tip), hand, width))
    return Drawing(parts, label=(0.0, 0.7), label_width=0.5, tagged=True)


def sunglasses(rng: Random, material: str) -> Drawing:
    thin = material == "metal"
    temple = curve(points((0.9, -0.16), (0.98, -0.3), (0.8, -0.44), (0.5, -0.5)), closed=False)
    parts = [
        Part(temple * points((side, 1.0)), "accent", stroke=0.05 if thin else 0.1, closed=False)
        for side in (-1, 1)
    ]
    outer = rng.choice([-0.34, -0.24])
    for side in (-1, 1):
        if thin:  # wire around drop-shaped lenses
            drop = points((0.12, -0.2), (0.9, -0.26), (0.88, 0.2), (0.52, 0.46), (0.18, 0.24))
            lens = curve(drop * points((side, 1.0)))
            parts += [Part(lens, "lens"), Part(lens, stroke=0.06)]
            continue
        shape = points((0.08, -0.24), (0.98, outer), (0.92, 0.36), (0.2, 0.44)) * points(
            (side, 1.0)
        )
        centre = shape.mean(0)
        parts.append(Part(rounded(shape, 0.2)))
        parts.append(Part(rounded(centre + (shape - centre) * 0.7, 0.16), "lens"))
    bridge = curve(points((-0.14, -0.04), (0, -0.12), (0.14, -0.04)), closed=False)
    parts.append(Part(bridge, stroke=0.06 if thin else 0.12, closed=False))
    if thin:
        parts.append(Part(points((-0.16, -0.24), (0.16, -0.24)), stroke=0.05, closed=False))
    return Drawing(parts, label=(0.0, 0.5), label_width=0.5, tagged=True)


def headphones(rng: Random, material: str) -> Drawing:
    wide = rng.uniform(0.64, 0.72)
    band = curve(
        points(
            (-wide, 0.15),
            (-wide, -0.3),
            (-wide * 0.72, -0.74),
            (0, -0.92),
            (wide * 0.72, -0.74),
            (wide, -0.3),
            (wide, 0.15),
        ),
        closed=False,
    )
    pad = band[10:-10] * 0.93 + points((0.0, -0.02))
    parts = [
        Part(band, stroke=0.17, closed=False),
        Part(pad, "dark", stroke=0.08, closed=False),
    ]
    if material == "metal":  # two rods carry a slim pad
        rods = (band, band * 0.93)
        parts = [Part(rod, stroke=0.045, closed=False) for rod in rods]
        parts.append(Part(pad[6:-6] * 0.96, "dark", stroke=0.07, closed=False))
    inner = "silver" if material == "metal" else "accent"
    for sign in (-1, 1):
        parts += [
            Part(box(sign * wide - 0.055, -0.12, sign * wide + 0.055, 0.2, 0.04), "silver"),
            Part(ellipse(sign * (wide - 0.15), 0.4, 0.17, 0.38), "dark"),
            Part(ellipse(sign * (wide + 0.04), 0.4, 0.24, 0.44), light="dome"),
            Part(ellipse(sign * (wide + 0.07), 0.4, 0.13, 0.27), inner, light="dome"),
        ]
    return Drawing(parts, label=(0.0, 0.5), label_width=0.5, tagged=True)


def umbrella(rng: Random, material: str) -> Drawing:
    peak = rng.uniform(-0.86, -0.7)
    if material == "plastic":  # a deep bubble
        peak = rng.uniform(-1.1, -1.0)
    ribs = np.linspace(-1.0, 1.0, 6)
    dome = ellipse(0, 0.06, 1.0, 0.06 - peak, 180, 360)
    scallops = [
        ellipse(float((a + b) / 2), 0.06, float((a - b) / 2), 0.11, 180, 360)[:, :]
        for a, b in zip(ribs[::-1], ribs[::-1][1:], strict=False)
    ]
    canopy = np.concatenate([dome, *[s[::-1] for s in scallops]])
    handle = curve(
        points((0, 0.0), (0, 0.4), (0, 0.78), (0.06, 0.94), (0.2, 0.94), (0.26, 0.8)), closed=False
    )
    parts = [
        Part(points((0, peak + 0.02), (0, peak - 0.1)), "silver", stroke=0.05, closed=False),
        Part(handle, rng.choice(["dark", "timber"]), stroke=0.075, closed=False),
        Part(
            points((0, peak if material == "plastic" else 0.0), (0, 0.5)),
            "silver",
            stroke=0.05,
            closed=False,
        ),
        # Clear film lets the background and the shaft through.
        Part(canopy, light="dome", opacity=0.62 if material == "plastic" else 1.0),
    ]
    for rib in ribs[1:-1]:
        bend = curve(
            points((0, peak), (float(rib) * 0.72, peak * 0.45), (float(rib), 0.05)), closed=False
        )
        parts.append(Part(bend, "accent", stroke=0.022, closed=False, light="flat"))
    if material == "satin":  # a ruffle along the edge
        frill = np.stack([ribs.repeat(4)[2:-2], np.tile([0.02, 0.12, 0.02, 0.12], 5)], axis=1)
        parts.append(Part(frill, "accent", stroke=0.07, closed=False))
    elif material == "canvas":  # a strap with a button, and a bound edge
        parts += [Part(scallop, "dark", stroke=0.04, closed=False) for scallop in scallops]
    return Drawing(parts, label=(0.0, -0.3), label_width=0.9)
