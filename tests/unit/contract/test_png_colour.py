"""What a PNG says of its colours besides an ICC profile."""

import struct

import pytest
from PIL import Image

from gateway.images.strip import without_metadata
from tests.support.pictures import encoded, picture
from tests.unit.contract.test_images import check_image, digest, png_chunk
from tests.unit.contract.test_pixels import ADOBE, PROPHOTO, EncodedImage

COLOUR = (200, 100, 60)
SRGB = (0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)
ADOBE_PRIMARIES = (0.3127, 0.329, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06)
# Linear Display P3 to linear sRGB, both of D65 (CSS Color 4, sample code).
P3 = ((1.2249, -0.2249, 0.0), (-0.0421, 1.0421, 0.0), (-0.0196, -0.0786, 1.0979))


def gama(value: int) -> bytes:
    return png_chunk(b"gAMA", struct.pack(">I", value))


def chrm(values: tuple[float, ...]) -> bytes:
    return png_chunk(b"cHRM", struct.pack(">8I", *(round(v * 100_000) for v in values)))


def cicp(primaries: int, curve: int, matrix: int = 0, full: int = 1) -> bytes:
    return png_chunk(b"cICP", bytes([primaries, curve, matrix, full]))


SRGB_CHUNK = png_chunk(b"sRGB", b"\0")


def png(*chunks: bytes, mode: str = "RGB", colour: object = COLOUR, **options: object) -> bytes:
    plain = encoded(Image.new(mode, (40, 40), colour), "PNG", **options)  # type: ignore[arg-type]
    return plain[:33] + b"".join(chunks) + plain[33:]


def seen(data: bytes) -> tuple[int, ...]:
    found = check_image(EncodedImage(data)).pixels.getpixel((20, 20))
    assert isinstance(found, tuple)
    return found


def near(one: tuple[int, ...], other: tuple[float, ...]) -> bool:
    return all(abs(a - b) <= 2 for a, b in zip(one, other, strict=True))


def srgb_of(light: float) -> float:
    light = min(max(light, 0), 1)
    return 255 * (12.92 * light if light <= 0.0031308 else 1.055 * light ** (1 / 2.4) - 0.055)


def light_of(value: int) -> float:
    share = value / 255
    return share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4


@pytest.mark.parametrize("gamma", [100_000, 55_556, 35_000])
@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "P"])
def test_gamma_is_applied_in_every_mode(mode: str, gamma: int) -> None:
    colour = {"L": 120, "RGBA": (120, 120, 120, 255)}.get(mode, (120, 120, 120))
    wanted = srgb_of((120 / 255) ** (100_000 / gamma))
    for chunks in ([gama(gamma)], [gama(gamma), chrm(SRGB)]):
        assert near(seen(png(*chunks, mode=mode, colour=colour)), (wanted,) * 3)


def test_a_grey_picture_needs_no_primaries() -> None:
    data = png(gama(100_000), chrm(ADOBE_PRIMARIES), mode="L", colour=120)
    assert near(seen(data), (srgb_of(120 / 255),) * 3)


@pytest.mark.parametrize(
    "chunks",
    [
        [gama(45_455)],
        [gama(45_455), chrm(SRGB)],
        [gama(45_000), chrm((0.3128, 0.3290, 0.6400, 0.3301, 0.3, 0.6, 0.15, 0.0599))],
        [chrm(SRGB)],
        [SRGB_CHUNK, gama(100_000), chrm(ADOBE_PRIMARIES)],
        [cicp(1, 13), gama(100_000)],
        [gama(0)],
        [gama(1)],
        [chrm((0, 0) * 4)],
        [chrm((0.3, 0.3) * 4)],
        [chrm((0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0))],
        [png_chunk(b"gAMA", b"\0\1\0\0long"), png_chunk(b"cICP", b"\1")],
    ],
)
def test_what_says_srgb_or_nothing_changes_nothing(chunks: list[bytes]) -> None:
    made = picture()
    plain = encoded(made, "PNG")
    assert digest(plain[:33] + b"".join(chunks) + plain[33:]) == digest(plain)


def test_primaries_and_gamma_are_what_a_profile_of_them_says() -> None:
    told = seen(png(gama(45_470), chrm(ADOBE_PRIMARIES)))
    assert near(told, seen(png(icc_profile=ADOBE)))
    assert not near(told, COLOUR)


def test_display_p3_by_code_points() -> None:
    light = [light_of(value) for value in COLOUR]
    wanted = tuple(srgb_of(sum(a * b for a, b in zip(row, light, strict=True))) for row in P3)
    assert not near(COLOUR, wanted)
    assert near(seen(png(cicp(12, 13))), wanted)


def test_of_several_the_first_by_precedence_counts() -> None:
    code_points, profile = cicp(12, 13), {"icc_profile": PROPHOTO}
    measures = gama(55_556) + chrm(ADOBE_PRIMARIES)
    assert seen(png(code_points, measures, **profile)) == seen(png(code_points))
    assert seen(png(code_points, SRGB_CHUNK)) == seen(png(code_points))
    assert seen(png(cicp(1, 13), **profile)) == COLOUR
    assert seen(png(measures, **profile)) == seen(png(**profile))
    assert seen(png(measures, SRGB_CHUNK)) == COLOUR
    assert len({seen(png(code_points)), seen(png(measures)), seen(png(**profile)), COLOUR}) == 4


@pytest.mark.parametrize(
    "left_out", [cicp(9, 16), cicp(9, 18), cicp(2, 2), cicp(12, 13, 1), cicp(12, 13, 0, 0)]
)
def test_code_points_that_are_not_read_leave_it_to_the_next(left_out: bytes) -> None:
    assert seen(png(left_out, gama(100_000))) == seen(png(gama(100_000)))
    assert seen(png(left_out, icc_profile=PROPHOTO)) == seen(png(icc_profile=PROPHOTO))
    assert seen(png(left_out)) == COLOUR


def test_behind_the_pixels_they_count_for_nothing() -> None:
    plain = png()
    assert seen(plain[:-12] + gama(100_000) + cicp(12, 13) + plain[-12:]) == COLOUR


@pytest.mark.parametrize(
    "chunks", [[gama(55_556)], [gama(45_455), chrm(ADOBE_PRIMARIES)], [cicp(12, 13)], [SRGB_CHUNK]]
)
def test_a_stored_upload_keeps_its_colours(chunks: list[bytes]) -> None:
    data = png(*chunks)
    facts = check_image(EncodedImage(data)).facts
    kept = without_metadata(data, facts)
    assert digest(kept) == facts.digest
    assert seen(kept) == seen(data)
