"""What a PNG's chunks say of its colours, as an ICC profile that LittleCMS reads. By precedence
(PNG, third edition, 4.3): cICP, iCCP, sRGB, gAMA with cHRM."""

import struct
from collections.abc import Iterable

from PIL import Image

_HEAD = b"\x89PNG\r\n\x1a\n"
_COLOUR_TYPE_AT = 25
_GREY = (0, 4)

Curve = tuple[float, ...]
"""Of a sample to light: an exponent; or g, a, b, c, d of (ax+b)^g above d, cx below (ICC.1, 10.18).
"""
Primaries = tuple[float, ...]
"""x and y (CIE 1931) of white, red, green and blue, as cHRM has them."""

_D65, _C, _DCI = (0.3127, 0.329), (0.31, 0.316), (0.314, 0.351)
_SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
_SRGB = (*_D65, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)
_BT709_CURVE = (1 / 0.45, 1 / 1.099, 0.099 / 1.099, 1 / 4.5, 0.081)
# ITU-T H.273, tables 2 and 3. Left out: PQ (16) and HLG (18), and what no picture has.
_PRIMARIES: dict[int, Primaries] = {
    1: _SRGB,
    4: (*_C, 0.67, 0.33, 0.21, 0.71, 0.14, 0.08),
    5: (*_D65, 0.64, 0.33, 0.29, 0.6, 0.15, 0.06),
    **dict.fromkeys((6, 7), (*_D65, 0.63, 0.34, 0.31, 0.595, 0.155, 0.07)),
    9: (*_D65, 0.708, 0.292, 0.17, 0.797, 0.131, 0.046),
    11: (*_DCI, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06),
    12: (*_D65, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06),
}
_CURVES: dict[int, Curve] = {
    **dict.fromkeys((1, 6, 14, 15), _BT709_CURVE),
    4: (2.2,),
    5: (2.8,),
    8: (1.0,),
    13: _SRGB_CURVE,
}
# How near counts as the same: 1/2.2 is what writers call sRGB's curve (libpng has 5 % as well).
_SAME_GAMMA, _SAME_PRIMARIES = 0.05 / 2.2, 0.005
_GAMMAS = 0.05, 20
# The white of ICC, and Bradford's adaptation to it.
_D50 = (0.9642, 1.0, 0.8249)
_BRADFORD = ((0.8951, 0.2664, -0.1614), (-0.7502, 1.7135, 0.0367), (0.0389, -0.0685, 1.0296))

Matrix = tuple[tuple[float, ...], ...]


def profile_of(picture: Image.Image, data: bytes) -> bytes | None:
    """The ICC profile of an opened picture of the file `data`; None: sRGB, or not told."""
    embedded: bytes | None = picture.info.get("icc_profile")
    if not data.startswith(_HEAD):
        return embedded
    chunks = _chunks(data)
    told = _of_code_points(chunks.get(b"cICP", b""))
    if told is None:
        if embedded or b"sRGB" in chunks:
            return embedded
        told = _of_measures(chunks.get(b"gAMA", b""), chunks.get(b"cHRM", b""))
    if told is None or told == (_SRGB, _SRGB_CURVE):
        return None
    try:
        return _profile(*told, grey=data[_COLOUR_TYPE_AT] in _GREY)
    except (ZeroDivisionError, struct.error):  # primaries on one line, or of no colour
        return None


def _chunks(data: bytes) -> dict[bytes, bytes]:
    """The first chunk of each kind before the pixels: behind them they count for nothing."""
    found: dict[bytes, bytes] = {}
    at = len(_HEAD)
    while at + 8 <= len(data) and (kind := data[at + 4 : at + 8]) != b"IDAT":
        end = at + 8 + int.from_bytes(data[at : at + 4])
        found.setdefault(kind, data[at + 8 : end])
        at = end + 4
    return found


def _of_code_points(body: bytes) -> tuple[Primaries, Curve] | None:
    """None for what is left out: the next chunk by precedence counts then."""
    if len(body) != 4 or body[2:] != b"\0\1":  # RGB, of the full range
        return None
    primaries, curve = _PRIMARIES.get(body[0]), _CURVES.get(body[1])
    return (primaries, curve) if primaries and curve else None


def _of_measures(gama: bytes, chrm: bytes) -> tuple[Primaries, Curve] | None:
    """What is not told is as in sRGB."""
    primaries, gamma = _SRGB, 0.0
    curve: Curve = _SRGB_CURVE
    if len(chrm) == 32:
        primaries = tuple(value / 100_000 for value in struct.unpack(">8I", chrm))
    if len(gama) == 4:
        gamma = int.from_bytes(gama) / 100_000
    alike = all(
        abs(one - other) <= _SAME_PRIMARIES
        for one, other in zip(primaries, _SRGB, strict=True)
    )  # fmt: skip
    if alike:
        primaries = _SRGB
    if _GAMMAS[0] <= gamma <= _GAMMAS[1] and not (alike and abs(gamma - 1 / 2.2) <= _SAME_GAMMA):
        curve = (1 / gamma,)
    return primaries, curve


def _profile(primaries: Primaries, curve: Curve, grey: bool) -> bytes:
    """ICC.1:2022 with nothing but what a conversion needs."""
    shape = 3 if len(curve) > 1 else 0
    para = b"para\0\0\0\0" + struct.pack(">HH", shape, 0) + _fixed(curve)
    tags = {b"wtpt": _xyz(_D50)}
    if grey:
        tags[b"kTRC"] = para
    else:
        columns = _columns(primaries)
        for letter, column in zip("rgb", columns, strict=True):
            tags[f"{letter}XYZ".encode()] = _xyz(column)
            tags[f"{letter}TRC".encode()] = para
    table, bodies = struct.pack(">I", len(tags)), b""
    at = 128 + 4 + 12 * len(tags)
    for tag, body in tags.items():
        table += tag + struct.pack(">II", at + len(bodies), len(body))
        bodies += body + b"\0" * (-len(body) % 4)
    space = b"GRAY" if grey else b"RGB "
    head = struct.pack(">I", at + len(bodies)) + b"\0\0\0\0\x04\x40\0\0mntr" + space + b"XYZ "
    head += b"\0" * 12 + b"acsp" + b"\0" * 28 + _fixed(_D50)
    return head.ljust(128, b"\0") + table + bodies


def _columns(primaries: Primaries) -> Matrix:
    """XYZ of red, green and blue under ICC's white."""
    white, *corners = (
        (x / y, 1.0, (1 - x - y) / y) for x, y in zip(primaries[::2], primaries[1::2], strict=True)
    )
    # How much of each makes white.
    amounts = _times(_inverse(_turned(corners)), white)
    cones, wanted = _times(_BRADFORD, white), _times(_BRADFORD, _D50)
    back = _inverse(_BRADFORD)

    def adapted(colour: Iterable[float]) -> tuple[float, ...]:
        seen = zip(_times(_BRADFORD, colour), cones, wanted, strict=True)
        return _times(back, [value * target / cone for value, cone, target in seen])

    scaled = zip(corners, amounts, strict=True)
    return tuple(adapted(value * amount for value in corner) for corner, amount in scaled)


def _fixed(values: Iterable[float]) -> bytes:
    return b"".join(struct.pack(">i", round(value * 65536)) for value in values)


def _xyz(values: Iterable[float]) -> bytes:
    return b"XYZ \0\0\0\0" + _fixed(values)


def _times(matrix: Matrix, vector: Iterable[float]) -> tuple[float, ...]:
    values = list(vector)
    return tuple(sum(a * b for a, b in zip(row, values, strict=True)) for row in matrix)


def _turned(rows: Iterable[Iterable[float]]) -> Matrix:
    return tuple(zip(*rows, strict=True))


def _inverse(matrix: Matrix) -> Matrix:
    """By Cramer's rule."""
    one, two, three = _turned(matrix)
    over = _cross(two, three), _cross(three, one), _cross(one, two)
    size = sum(a * b for a, b in zip(one, over[0], strict=True))
    return tuple(tuple(value / size for value in row) for row in over)


def _cross(a: tuple[float, ...], b: tuple[float, ...]) -> tuple[float, float, float]:
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]
