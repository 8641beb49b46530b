import base64
import binascii
import struct
import zlib
from functools import cache
from io import BytesIO

import pytest
from PIL import Image

from contract import errors
from contract.images import (
    MODEL_PIXELS,
    EncodedImage,
    check_image,
    decode_base64,
    parse_image_text,
)
from tests.support.pictures import encoded, picture


def digest(data: bytes, pixel_bound: int = MODEL_PIXELS) -> str:
    return check_image(EncodedImage(data), pixel_bound).facts.digest


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


PNG_HEAD = b"\x89PNG\r\n\x1a\n"


def test_a_losslessly_re_encoded_copy_has_the_same_digest() -> None:
    made = picture()
    copies = [
        encoded(made, "PNG"),
        encoded(made, "PNG", compress_level=0),
        encoded(made, "WEBP", lossless=True),
        encoded(made, "PNG") + b"PK\x03\x04 a zip behind the picture",
    ]
    assert len({digest(copy) for copy in copies}) == 1


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_copy_turned_by_exif_has_the_same_digest(orientation: int) -> None:
    made = picture()
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = made.transpose(undo[orientation]) if orientation in undo else made
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert digest(encoded(stored, "PNG", exif=exif)) == digest(encoded(made))


def test_pictures_that_differ_never_share_a_digest() -> None:
    grey = Image.new("L", (64, 48), 7)
    made = picture()
    variants = [
        encoded(made),
        encoded(made.transpose(Image.Transpose.TRANSPOSE)),
        encoded(made.transpose(Image.Transpose.ROTATE_180)),
        encoded(picture(seed=2)),
        encoded(made, "JPEG", quality=90),
        encoded(made, "JPEG", quality=91),
        encoded(Image.new("RGB", (64, 48), (7, 7, 8))),
        encoded(Image.new("RGB", (48, 64), (7, 7, 8))),
        encoded(grey),
    ]
    assert len({digest(data) for data in variants}) == len(variants)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"])
def test_every_mode_is_read_as_rgb(mode: str) -> None:
    made = Image.new(mode, (40, 40)) if mode == "I;16" else picture(40, 40).convert(mode)
    data = encoded(made, "JPEG" if mode == "CMYK" else "PNG")
    assert check_image(EncodedImage(data)).pixels.mode == "RGB"


def test_sixteen_bit_grey_is_scaled_not_clipped() -> None:
    made = Image.new("I;16", (40, 40), 128 * 256)
    pixels = check_image(EncodedImage(encoded(made))).pixels
    assert pixels.getpixel((0, 0)) == (128, 128, 128)


def test_transparency_is_flattened_on_white() -> None:
    made = Image.new("RGBA", (40, 40), (0, 0, 0, 0))
    assert check_image(EncodedImage(encoded(made))).pixels.getpixel((0, 0)) == (255, 255, 255)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparency_is_flattened_in_strips_as_it_would_be_whole(mode: str) -> None:
    layer = picture(40, 600).convert("RGBA")
    layer.putalpha(Image.linear_gradient("L").resize(layer.size))
    made = layer.quantize(16) if mode == "P" else layer.convert(mode)
    whole = Image.new("RGB", made.size, "white")
    flat = made.convert("RGBA")
    whole.paste(flat, mask=flat.getchannel("A"))
    assert check_image(EncodedImage(encoded(made))).pixels.tobytes() == whole.tobytes()


def test_a_large_photo_is_bounded_and_its_own_size_told() -> None:
    checked = check_image(EncodedImage(encoded(Image.new("RGB", (2400, 1600), "red"), "JPEG")))
    assert checked.pixels.width * checked.pixels.height <= MODEL_PIXELS
    assert (checked.facts.width, checked.facts.height) == (2400, 1600)


def test_garbage_exif_is_no_reason_to_refuse() -> None:
    plain = encoded(picture(), "JPEG")
    broken = plain[:2] + b"\xff\xe1\x00\x10Exif\x00\x00II*\x00\xff\xff\xff\xff" + plain[2:]
    assert digest(broken) == digest(plain)


def animated_png() -> bytes:
    return encoded(picture(), "PNG", save_all=True, append_images=[picture(seed=2)])


def mpo() -> bytes:
    return encoded(picture(), "MPO", save_all=True, append_images=[picture(seed=2)])


def declared_size(width: int, height: int) -> bytes:
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return PNG_HEAD + png_chunk(b"IHDR", head) + png_chunk(b"IEND", b"")


@cache  # each of pytest's workers makes it, where it collects
def text_bomb() -> bytes:
    head = png_chunk(b"IHDR", struct.pack(">IIBBBBB", 40, 40, 8, 2, 0, 0, 0))
    bomb = png_chunk(b"zTXt", b"k\0\0" + zlib.compress(b"\0" * 50_000_000, 1))
    rows = png_chunk(b"IDAT", zlib.compress(b"\0" * 40 * 121))
    return PNG_HEAD + head + bomb + rows + png_chunk(b"IEND", b"")


def bad_crc() -> bytes:
    data = bytearray(encoded(picture()))
    data[data.index(b"IDAT") + 8] ^= 0xFF
    return bytes(data)


UNSUPPORTED = errors.UnsupportedImageType
UNDECODABLE = errors.ImageUndecodable


@pytest.mark.parametrize(
    ("data", "error"),
    [
        pytest.param(b"", UNDECODABLE, id="zero bytes"),
        pytest.param(PNG_HEAD, UNDECODABLE, id="signature only"),
        pytest.param(b"\xff\xd8\xff", UNDECODABLE, id="jpeg signature only"),
        pytest.param(encoded(picture(), "JPEG")[:700], UNDECODABLE, id="half a jpeg"),
        pytest.param(encoded(picture())[:-400], UNDECODABLE, id="half a png"),
        pytest.param(bad_crc(), UNDECODABLE, id="bad crc"),
        pytest.param(declared_size(0, 0), UNDECODABLE, id="0x0"),
        pytest.param(text_bomb(), UNDECODABLE, id="zTXt bomb"),
        pytest.param(encoded(picture(), "GIF"), UNSUPPORTED, id="gif"),
        pytest.param(encoded(picture(), "BMP"), UNSUPPORTED, id="bmp"),
        pytest.param(encoded(picture(), "TIFF"), UNSUPPORTED, id="tiff"),
        pytest.param(b"<svg xmlns='http://www.w3.org/2000/svg'/>", UNSUPPORTED, id="svg"),
        pytest.param(b"%PDF-1.7", UNSUPPORTED, id="pdf"),
        pytest.param(b"hello", UNSUPPORTED, id="text"),
        pytest.param(animated_png(), UNSUPPORTED, id="animated png"),
        pytest.param(declared_size(50_000, 50_000), errors.ImageTooManyPixels, id="50k x 50k"),
        pytest.param(encoded(picture(1, 1)), errors.ImageDimensions, id="1x1"),
        pytest.param(encoded(picture(31, 64)), errors.ImageDimensions, id="31 wide"),
        pytest.param(declared_size(40, 4040), errors.ImageDimensions, id="aspect beyond 100"),
        pytest.param(b"\xff\xd8\xff" + b"\0" * 11_000_000, errors.PayloadTooLarge, id="11 MB"),
    ],
)
def test_a_bad_photo_gets_its_own_error(data: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        check_image(EncodedImage(data))


@pytest.mark.parametrize("size", range(1, 12))
def test_canonical_base64_is_read(size: int) -> None:
    data = bytes(range(size))
    assert decode_base64(base64.b64encode(data).decode()) == data


@pytest.mark.parametrize(
    "text",
    ["", "Q!Q=@=", "AAAA=", "QR==", "QQ", "QQ==garbage", "QQ==QQ==", "QU JD", "QUJD\n", "é===",
     "_-_-", "=", "====", "QQ=Q", " QQ=="],
)  # fmt: skip
def test_anything_but_canonical_base64_is_refused(text: str) -> None:
    with pytest.raises(errors.InvalidBase64):
        decode_base64(text)


def test_no_second_text_decodes_to_the_same_bytes() -> None:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    accepted = []
    for last in alphabet:
        try:
            accepted.append(decode_base64(f"Q{last}=="))
        except errors.InvalidBase64:
            continue
    assert len(accepted) == len(set(accepted)) == 4


@pytest.mark.parametrize(
    "media",
    ["image/jpeg", "image/jpg", "image/png", "IMAGE/JPEG", "image/*", "image", "*/*", "",
     "application/octet-stream", "binary/octet-stream", "text/plain",
     "image/jpeg;charset=utf-8", "image/jpeg; charset=binary", "image/jpeg;name=a.png",],
)  # fmt: skip
def test_whatever_type_a_data_uri_names_the_bytes_decide(media: str) -> None:
    data = encoded(picture(), "JPEG")
    coded = binascii.b2a_base64(data, newline=False).decode()
    for head in (f"data:{media};base64", f"data:{media};base64;charset=utf-8"):
        image = parse_image_text(f"{head},{coded}")
        assert image.data == data
        assert image.data_uri.startswith("data:image/jpeg;base64,")


def test_a_picture_of_several_counts_as_its_first() -> None:
    assert digest(mpo()) == digest(encoded(picture(), "JPEG"))


@pytest.mark.parametrize(
    "text",
    ["http://a/b.jpg", "https://a", "file:///etc/passwd", "ftp://x", "HTTP://169.254.169.254/"],
)
def test_addresses_are_not_fetched(text: str) -> None:
    with pytest.raises(errors.UrlNotAllowed):
        parse_image_text(text)


@pytest.mark.parametrize(
    "text",
    ["data:image/png,QQ==", "data:base64,QQ==", "data:image/png;base64", "data:;base32,QQ=="],
)
def test_a_data_uri_that_is_not_base64_is_refused(text: str) -> None:
    with pytest.raises(errors.InvalidBase64):
        parse_image_text(text)


def test_a_gps_position_does_not_survive() -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8825)[1] = "N"
    checked = check_image(EncodedImage(encoded(picture(), "JPEG", exif=exif)))
    assert not checked.pixels.getexif().get_ifd(0x8825)
    with Image.open(BytesIO(encoded(checked.pixels, "JPEG"))) as again:
        assert not dict(again.getexif())
