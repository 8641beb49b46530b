"""What of a photo's file is kept: pixels, colours, orientation; nothing that tells of its maker."""

import struct
import zlib
from io import BytesIO
from typing import Any

import pytest
from PIL import Image, PngImagePlugin

from contract.images import EncodedImage, check_image
from gateway.images.strip import without_metadata
from tests.support.pictures import encoded, picture
from tests.unit.contract.test_pixels import PROPHOTO

CANARY = b"CANARY"
FORMS = ["JPEG", "PNG", "WEBP"]
XMP = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>CANARY</x:xmpmeta>"


def exif(orientation: int | None) -> Image.Exif:
    made = Image.Exif()
    if orientation is not None:
        made[0x0112] = orientation
    made[0x010F] = "CANARY"  # maker
    gps = made.get_ifd(0x8825)
    gps[1], gps[2], gps[29] = "N", (31.0, 14.0, 1.0), "CANARY"
    return made


def tagged(form: str, orientation: int | None = None, **options: Any) -> bytes:
    """A photo with everything that may stand in its file besides pixels."""
    if form == "PNG":
        texts = PngImagePlugin.PngInfo()
        texts.add_text("Author", "CANARY")
        texts.add_text("Comment", "CANARY", zip=True)
        texts.add_itxt("XML:com.adobe.xmp", XMP.decode())
        options["pnginfo"] = texts
    elif form == "JPEG":
        options |= {"comment": "CANARY", "xmp": XMP}
    else:
        options |= {"xmp": XMP, "lossless": True}
    return encoded(picture(), form, exif=exif(orientation), **options) + CANARY


def stripped(data: bytes) -> bytes:
    return without_metadata(data, check_image(EncodedImage(data)).facts)


@pytest.mark.parametrize("profile", [None, PROPHOTO], ids=["no profile", "profile"])
@pytest.mark.parametrize("orientation", [None, *range(1, 9)])
@pytest.mark.parametrize("form", FORMS)
def test_the_same_photo_without_anything_else(
    form: str, orientation: int | None, profile: bytes | None
) -> None:
    data = tagged(form, orientation, icc_profile=profile)
    kept = stripped(data)
    before, after = (check_image(EncodedImage(each)).facts for each in (data, kept))
    assert (after.digest, after.orientation) == (before.digest, orientation or 1)
    assert (after.width, after.height) == (before.width, before.height)
    assert CANARY not in kept
    with Image.open(BytesIO(kept)) as again:
        assert set(again.getexif()) <= {0x0112}
        assert again.info.get("icc_profile") == profile
    assert stripped(kept) == kept


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_rows": 1}])
def test_the_pixels_of_a_jpeg_stay_byte_for_byte(options: dict[str, Any]) -> None:
    plain = encoded(picture(300, 200), "JPEG", **options)
    assert stripped(plain) == plain
    assert stripped(plain + b"PK\x03\x04 and a zip") == plain


def test_pictures_behind_the_first_one_go() -> None:
    second = picture(seed=2)
    made = encoded(picture(), "MPO", save_all=True, append_images=[second])
    kept = stripped(made)
    assert kept.count(b"\xff\xd8\xff") == 1
    with Image.open(BytesIO(kept)) as again:
        assert again.format == "JPEG"


def test_a_cmyk_photo_keeps_what_says_that_it_is_one() -> None:
    made = encoded(picture().convert("CMYK"), "JPEG", exif=exif(6))
    before, after = (check_image(EncodedImage(d)).facts.digest for d in (made, stripped(made)))
    assert before == after


def test_a_thumbnail_in_exif_goes() -> None:
    with_thumb = Image.Exif()
    with_thumb.get_ifd(0x0112)
    thumbnail = encoded(picture(seed=3), "JPEG")
    body = b"Exif\0\0MM\0*" + struct.pack(">IH", 8, 0) + struct.pack(">I", 0) + thumbnail
    plain = encoded(picture(), "JPEG")
    made = plain[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + plain[2:]
    assert stripped(made) == plain


def test_an_orientation_that_only_xmp_tells_is_kept() -> None:
    xmp = (
        b"<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf"
        b"-syntax-ns#'><rdf:Description xmlns:tiff='http://ns.adobe.com/tiff/1.0/' tiff:Orientation"
        b"='6'/></rdf:RDF></x:xmpmeta>"
    )
    made = encoded(picture(), "JPEG", xmp=xmp)
    kept = stripped(made)
    before, after = (check_image(EncodedImage(d)).facts for d in (made, kept))
    assert (before.digest, before.orientation) == (after.digest, after.orientation)
    assert b"xmpmeta" not in kept


def test_unknown_chunks_of_a_png_go() -> None:
    plain = encoded(picture())
    body = b"CANARY"
    check = struct.pack(">I", zlib.crc32(b"prVt" + body))
    chunk = struct.pack(">I", len(body)) + b"prVt" + body + check
    assert stripped(plain[:33] + chunk + plain[33:]) == plain


def segment(marker: int, body: bytes) -> bytes:
    return b"\xff" + bytes([marker]) + struct.pack(">H", len(body) + 2) + body


@pytest.mark.parametrize("scan", [0, 1, -1])
def test_what_stands_between_the_scans_of_a_jpeg_goes(scan: int) -> None:
    plain = encoded(picture(), "JPEG", progressive=True)
    scans = [at for at in range(len(plain)) if plain[at : at + 2] == b"\xff\xda"]
    assert len(scans) > 2
    at = scans[scan] if scan >= 0 else len(plain) - 2
    odd = segment(0xFE, CANARY) + segment(0xE1, b"Exif\0\0" + CANARY)
    assert stripped(plain[:at] + odd + plain[at:]) == plain
    assert stripped(plain[:at] + odd + plain[at:-2]) == plain[:-2], "without its end mark"


def test_what_hangs_on_segments_that_are_needed_goes() -> None:
    plain = encoded(picture(), "JPEG")
    density = plain[6:18]
    assert density.startswith(b"JFIF")
    thumbnail = segment(0xE0, density + b"\1\2" + CANARY)  # 1 x 2 pixels of three bytes
    assert stripped(plain[:2] + thumbnail + plain[20:]) == plain
    adobe = b"Adobe\0\x64\0\0\0\0\1"
    kept = stripped(plain[:20] + segment(0xEE, adobe + CANARY) + plain[20:])
    assert kept == plain[:20] + segment(0xEE, adobe) + plain[20:]
    assert stripped(plain[:20] + segment(0xEE, adobe[:8]) + plain[20:]) == plain  # cut short


def test_an_animation_of_one_frame_is_a_photo_afterwards_too() -> None:
    pixels = encoded(picture(64, 64), "WEBP", lossless=True)[12:]
    size = struct.pack("<I", 63)[:3] * 2
    chunks = {
        b"VP8X": b"\x02\0\0\0" + size,
        b"ANIM": b"\xff\xff\xff\xff\0\0",
        b"ANMF": b"\0" * 6 + size + b"\x64\0\0\0" + pixels,
        b"XMP ": b"CANARY",
    }
    body = b"".join(kind + struct.pack("<I", len(it)) + it for kind, it in chunks.items())
    made = b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body
    kept = stripped(made)
    before, after = (check_image(EncodedImage(data)).facts.digest for data in (made, kept))
    assert before == after
    assert CANARY not in kept


@pytest.mark.parametrize(
    "value",
    [
        struct.pack(">HIHH", 3, 1, 6, 0),
        struct.pack(">HIBBH", 1, 1, 6, 0, 0),
        struct.pack(">HII", 4, 1, 6),
        struct.pack(">HIBBH", 7, 1, 6, 0, 0),
    ],
    ids=["short", "byte", "long", "undefined"],
)
def test_an_orientation_counts_in_whatever_type_it_is_written(value: bytes) -> None:
    plain = encoded(picture(80, 60), "JPEG")
    tiff = b"MM\0*" + struct.pack(">IH", 8, 1) + b"\x01\x12" + value + b"\0\0\0\0"
    made = plain[:2] + segment(0xE1, b"Exif\0\0" + tiff) + plain[2:]
    before, after = (check_image(EncodedImage(data)).facts for data in (made, stripped(made)))
    assert (before.orientation, before.width, before.height) == (6, 60, 80)
    assert (after.digest, after.orientation) == (before.digest, 6)


@pytest.mark.parametrize("stray", [b"\0", b"\0\0\0\0", b"abc", b"\xff\xff\xff", b"\0\xff"])
@pytest.mark.parametrize("end", [None, -1, -2])
def test_stray_bytes_in_front_of_a_jpeg_s_segments_are_passed_over(
    stray: bytes, end: int | None
) -> None:
    plain = encoded(picture(), "JPEG")
    for marker in (2, plain.index(b"\xff\xdb"), plain.index(b"\xff\xda")):
        made = plain[:marker] + stray + plain[marker:end]
        before, after = (check_image(EncodedImage(data)).facts for data in (made, stripped(made)))
        assert before.digest == after.digest == check_image(EncodedImage(plain)).facts.digest
