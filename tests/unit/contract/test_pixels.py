"""What the numbers of a file mean: its turning, its colours, its transparency, its end."""

import struct
import zlib
from io import BytesIO

import pytest
from PIL import Image, ImageCms

from contract import errors
from contract.images import EncodedImage, check_image
from tests.support.pictures import encoded, picture
from tests.unit.contract.test_images import PNG_HEAD, digest, png_chunk


def pixels(data: bytes) -> Image.Image:
    return check_image(EncodedImage(data)).pixels


def png(depth: int, colour: int, rows: bytes, side: int = 40, *, key: bytes = b"") -> bytes:
    """A PNG of a given number of bits a sample, with a transparent colour if there is a `key`."""
    head = struct.pack(">IIBBBBB", side, side, depth, colour, 0, 0, 0)
    transparent = png_chunk(b"tRNS", key) if key else b""
    body = png_chunk(b"IDAT", zlib.compress(rows))
    return PNG_HEAD + png_chunk(b"IHDR", head) + transparent + body + png_chunk(b"IEND", b"")


def matrix_profile(name: str, gamma: float, primaries: list[list[float]]) -> bytes:
    """A display profile (ICC v2): XYZ of red, green and blue under D50, and one exponent."""

    def xyz(values: list[float]) -> bytes:
        return b"XYZ \0\0\0\0" + b"".join(struct.pack(">i", round(v * 65536)) for v in values)

    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"
    text = name.encode() + b"\0"
    desc = b"desc\0\0\0\0" + struct.pack(">I", len(text)) + text + b"\0" * 78
    tags = {
        b"desc": desc, b"wtpt": xyz([0.9642, 1.0, 0.8249]), b"cprt": b"text\0\0\0\0none\0",
        b"rXYZ": xyz(primaries[0]), b"gXYZ": xyz(primaries[1]), b"bXYZ": xyz(primaries[2]),
        b"rTRC": curve, b"gTRC": curve, b"bTRC": curve,
    }  # fmt: skip
    at = 128 + 4 + 12 * len(tags)
    table, bodies = struct.pack(">I", len(tags)), b""
    for tag, body in tags.items():
        body += b"\0" * (-len(body) % 4)
        table += tag + struct.pack(">II", at + len(bodies), len(body))
        bodies += body
    head = struct.pack(">I", at + len(bodies)) + b"\0" * 4 + b"\x02\x10\0\0mntrRGB XYZ "
    head += b"\0" * 12 + b"acsp" + b"\0" * 28
    head += struct.pack(">iii", *(round(v * 65536) for v in (0.9642, 1.0, 0.8249)))
    return head.ljust(128, b"\0") + table + bodies


# https://www.color.org/rommrgb.pdf, and Adobe RGB (1998) adapted to D50
PROPHOTO = matrix_profile(
    "ProPhoto", 1.8, [[0.7977, 0.2880, 0.0], [0.1352, 0.7119, 0.0], [0.0313, 0.0001, 0.8249]]
)
ADOBE = matrix_profile(
    "Adobe", 2.2, [[0.6097, 0.3111, 0.0195], [0.2053, 0.6257, 0.0609], [0.1492, 0.0632, 0.7446]]
)
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@pytest.mark.parametrize("profile", [PROPHOTO, ADOBE])
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_picture_is_what_its_profile_says(kind: str, profile: bytes) -> None:
    options = {"lossless": True} if kind == "WEBP" else {}
    made = Image.new("RGB", (40, 40), (150, 70, 50))
    tagged = pixels(encoded(made, kind, icc_profile=profile, **options)).getpixel((20, 20))
    untagged = pixels(encoded(made, kind, **options)).getpixel((20, 20))
    assert isinstance(tagged, tuple)
    assert isinstance(untagged, tuple)
    assert abs(untagged[0] - 150) <= 3
    assert tagged[0] > untagged[0] + 5, "a wider space: the same number is a stronger red"


def test_known_colours_of_known_spaces_come_out_right() -> None:
    made = Image.new("RGB", (40, 40), (120, 120, 120))
    for profile, exponent in ((PROPHOTO, 1.8), (ADOBE, 2.2)):
        grey = 255 * (1.055 * (120 / 255) ** (exponent / 2.4) - 0.055)  # IEC 61966-2-1
        found = pixels(encoded(made, "PNG", icc_profile=profile)).getpixel((0, 0))
        assert isinstance(found, tuple)
        assert all(abs(channel - grey) <= 2 for channel in found), (found, grey)


def test_a_profile_that_says_srgb_changes_nothing() -> None:
    made = picture()
    assert digest(encoded(made, "PNG", icc_profile=SRGB)) == digest(encoded(made, "PNG"))


@pytest.mark.parametrize(
    "profile", [b"not a profile", SRGB[:200], PROPHOTO[:-40]], ids=["text", "half", "cut"]
)  # fmt: skip
def test_a_damaged_profile_counts_as_none(profile: bytes) -> None:
    made = picture()
    assert digest(encoded(made, "PNG", icc_profile=profile)) == digest(encoded(made, "PNG"))


def test_a_profile_of_another_kind_of_picture_counts_as_none() -> None:
    grey = picture().convert("L")
    assert digest(encoded(grey, "PNG", icc_profile=PROPHOTO)) == digest(encoded(grey, "PNG"))


def test_colours_are_converted_before_they_are_laid_on_white() -> None:
    made = Image.new("RGBA", (40, 40), (150, 70, 50, 255))
    flat = made.convert("RGB")
    profile = {"icc_profile": PROPHOTO}
    assert digest(encoded(made, "PNG", **profile)) == digest(encoded(flat, "PNG", **profile))
    clear = Image.new("RGBA", (40, 40), (150, 70, 50, 0))
    assert pixels(encoded(clear, "PNG", **profile)).getpixel((0, 0)) == (255, 255, 255)


# A row of 40 grey samples of each depth: 20 of one value, 20 of another.
def grey_rows(depth: int, one: int, other: int) -> bytes:
    bits = "".join(f"{value:0{depth}b}" for value in [one] * 20 + [other] * 20)
    row = int(bits, 2).to_bytes(40 * depth // 8, "big")
    return (b"\0" + row) * 40


@pytest.mark.parametrize(
    ("depth", "key", "other"),
    [(1, 0, 1), (2, 1, 2), (4, 5, 6), (8, 100, 101), (16, 0x8000, 0x8001), (16, 0x0080, 0x8000)],
)
def test_the_transparent_colour_of_grey_counts_at_every_depth(
    depth: int, key: int, other: int
) -> None:
    data = png(depth, 0, grey_rows(depth, key, other), key=struct.pack(">H", key))
    found = pixels(data)
    assert found.getpixel((5, 5)) == (255, 255, 255), "transparent"
    level = other >> 8 if depth == 16 else other * 255 // (2**depth - 1)
    assert found.getpixel((35, 5)) == (level,) * 3, "and nothing else is"


@pytest.mark.parametrize("depth", [8, 16])
def test_the_transparent_colour_of_a_coloured_picture_counts(depth: int) -> None:
    def sample(value: int) -> bytes:
        return bytes([value]) if depth == 8 else bytes([value, value])

    key, other = (10, 20, 30), (10, 20, 31)
    row = b"".join(sample(v) for colour in (key, other) for _ in range(20) for v in colour)
    wide = [value if depth == 8 else value * 257 for value in key]
    found = pixels(png(depth, 2, (b"\0" + row) * 40, key=struct.pack(">3H", *wide)))
    assert found.getpixel((5, 5)) == (255, 255, 255)
    assert found.getpixel((35, 5)) == other


def test_a_grey_page_is_not_the_blank_page() -> None:
    grey = png(16, 0, grey_rows(16, 0x8000, 0x8000), key=struct.pack(">H", 0x80))
    blank = encoded(Image.new("L", (40, 40), 255))
    assert digest(grey) != digest(blank)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P"])
def test_the_same_picture_in_another_mode_has_the_same_digest(mode: str) -> None:
    made = Image.radial_gradient("L").resize((1500, 1100))
    whole = made.convert("RGB")
    copy = made.convert(mode) if mode != "P" else made.convert("P", palette=Image.Palette.ADAPTIVE)
    if mode == "P":
        whole = copy.convert("RGB")
    assert digest(encoded(copy)) == digest(encoded(whole)), "beyond the bound, too"


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_rows": 1}])
@pytest.mark.parametrize("lacks", [1, 2])
def test_a_jpeg_that_lacks_only_its_end_is_the_same_photo(
    lacks: int, options: dict[str, object]
) -> None:
    whole = encoded(picture(200, 150), "JPEG", **options)
    assert digest(whole[:-lacks]) == digest(whole)


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_rows": 1}])
@pytest.mark.parametrize("part", [0.3, 0.5, 0.9, 0.99])
def test_a_jpeg_that_lacks_pixels_is_undecodable(part: float, options: dict[str, object]) -> None:
    whole = encoded(picture(200, 150), "JPEG", **options)
    with pytest.raises(errors.ImageUndecodable):
        digest(whole[: int(len(whole) * part)])


def test_a_progressive_jpeg_that_ends_between_two_scans_is_undecodable() -> None:
    whole = encoded(picture(200, 150), "JPEG", progressive=True)
    scans = [at for at in range(len(whole) - 1) if whole[at : at + 2] == b"\xff\xda"]
    assert len(scans) > 2
    # A scan's tables stand before it.
    last = whole.rindex(b"\xff\xc4", 0, scans[-1])
    with pytest.raises(errors.ImageUndecodable):
        digest(whole[:last])


def test_a_turned_photo_beyond_the_bound_has_the_digest_of_its_upright_copy() -> None:
    upright = Image.radial_gradient("L").resize((1500, 1000)).convert("RGB")
    exif = Image.Exif()
    exif[0x0112] = 6
    lying = upright.transpose(Image.Transpose.ROTATE_90)
    checked = check_image(EncodedImage(encoded(lying, "PNG", exif=exif)))
    assert checked.facts.digest == digest(encoded(upright, "PNG"))
    assert (checked.facts.width, checked.facts.height) == (1500, 1000)


def test_a_cmyk_photo_with_a_profile_of_its_printer_is_converted() -> None:
    made = Image.new("CMYK", (40, 40), (0, 200, 200, 0))
    out = BytesIO()
    made.save(out, "JPEG", icc_profile=PROPHOTO)  # of another kind of picture: not used
    red, green, blue = pixels(out.getvalue()).getpixel((20, 20))  # type: ignore[misc]
    assert red > 200
    assert green < 100
    assert blue < 100
