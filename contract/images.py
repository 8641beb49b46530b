"""Bytes → a checked picture and its digest. Both services check with this file, so that the digest
that the gateway caches by is that of the very pixels that the model sees."""

import hashlib
import math
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO

import pybase64
from PIL import ExifTags, Image

from contract.errors import (
    ImageDimensions,
    ImageTooManyPixels,
    ImageUndecodable,
    InvalidBase64,
    PayloadTooLarge,
    UnsupportedImageType,
    UrlNotAllowed,
)
from contract.pixels.normalise import is_plain, normalised
from contract.pixels.prescan import check_segments
from contract.pixels.truncated import completed, from_first_marker, lacks_end

# A part of the digest: raise it whenever normalisation changes, so that old answers are not found.
NORMALISATION = b"shopsight-image-3"
# 1024 visual tokens of Qwen3-VL (32 px square each): what a photo is bounded to before the model.
MODEL_PIXELS = 1024 * 1024
# One visual token is 32 px wide; below that there is nothing to see.
MIN_SIDE = 32
MAX_ASPECT = 100
# Phones take 12-50 MP; Pillow would only warn between 89 and 179 MP.
MAX_DECLARED_PIXELS = 60_000_000
# Decoding takes 4 bytes a pixel, up to 6 more for a progressive JPEG, but 16 for WebP: its decoder
# keeps two canvases and hands out a third.
MAX_WEBP_PIXELS = 30_000_000
# A 12 MP JPEG is 3-6 MB. Bytes of the file, not of its base64.
MAX_IMAGE_BYTES = 10 * 1024 * 1024


@dataclass(frozen=True)
class EncodedImage:
    """A photo as it came. What its sender calls its type is not looked at: the bytes decide."""

    data: bytes

    @property
    def file_digest(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    @property
    def data_uri(self) -> str:
        return self.data_uri_prefix + pybase64.b64encode_as_string(self.data)

    @property
    def data_uri_prefix(self) -> str:
        return f"data:image/{_sniff(self.data).lower()};base64,"


@dataclass(frozen=True)
class ImageFacts:
    """What the log and the cache know of a photo. `digest` identifies the pixels the model sees;
    `width` and `height` are those of the file, in pixels, after turning by EXIF's `orientation`."""

    digest: str
    format: str
    width: int
    height: int
    size_bytes: int
    orientation: int = 1


@dataclass(frozen=True)
class CheckedImage:
    facts: ImageFacts
    pixels: Image.Image
    """RGB, turned as EXIF says, in sRGB, alpha flattened on white, at most MODEL_PIXELS unless more
    were asked for."""


def decode_base64(text: str) -> bytes:
    """Strict RFC 4648: no white space, no url-safe alphabet, canonical padding and last quantum."""
    try:
        data = pybase64.b64decode(text, validate=True)
    except ValueError:
        raise InvalidBase64 from None
    # Set bits behind the last byte ("QR==") pass: two texts for one photo.
    if not data or pybase64.b64encode(data[(len(text) // 4 - 1) * 3 :]) != text[-4:].encode():
        raise InvalidBase64
    return data


def parse_image_text(text: str, place: str | None = None) -> EncodedImage:
    """`data:…;base64,…`, whatever media type it names, or bare base64 → the file's bytes. Web
    addresses are refused. `place`: the field that holds it, for errors."""
    head = text[:64].lower()
    if head.startswith("data:"):
        prefix, comma, text = text.partition(",")
        if not comma or "base64" not in map(str.strip, prefix.lower().split(";")[1:]):
            raise InvalidBase64(place)
    elif "://" in head:
        raise UrlNotAllowed(place)
    if len(text) > MAX_IMAGE_BYTES * 4 // 3 + 4:
        raise PayloadTooLarge(place)
    try:
        return EncodedImage(decode_base64(text))
    except InvalidBase64 as error:
        raise error.at(place) from None


def check_image(image: EncodedImage, pixel_bound: int = MODEL_PIXELS) -> CheckedImage:
    """Decode, check and normalise a photo. CPU-bound (3 ms at 200 KB, 46 ms at 12 MP), and nothing
    ends it: services have it done by helpers (contract.pixels.decoder). `pixel_bound`: what it is
    bounded to; its digest is that of other pixels then. Raises the 413, 415 and 422 image errors,
    and MemoryError."""
    picture, data = _opened(image)
    width, height = picture.size
    with _undecodable():
        loaded = _loaded(picture, data)
        orientation = _orientation(loaded)
        pixels = _without_metadata(normalised(loaded, data, orientation, pixel_bound))
    if orientation > 4:  # lies on its side in the file
        width, height = height, width
    format_ = _sniff(image.data)
    facts = ImageFacts(_digest(pixels), format_, width, height, len(image.data), orientation)
    return CheckedImage(facts, pixels)


def glance(image: EncodedImage) -> Image.Image:
    """The photo as RGB, upright and in sRGB, for who looks at it and needs no exact pixels: with
    between one and four times MODEL_PIXELS where the file has more. JPEG's decoder shrinks it, or
    whole pixels are averaged: a fifth of the time of `check_image`. Raises what that does."""
    picture, data = _opened(image)
    side = math.isqrt(MODEL_PIXELS)
    with _undecodable():
        picture.draft(None, (side, side))
        loaded = _loaded(picture, data)
        orientation = _orientation(loaded)
        step = math.isqrt(loaded.width * loaded.height // MODEL_PIXELS)
        if step > 1 and is_plain(loaded):
            loaded = loaded.reduce(step)
        return _without_metadata(normalised(loaded, data, orientation, 4 * MODEL_PIXELS))


def _opened(image: EncodedImage) -> tuple[Image.Image, bytes]:
    """The picture, not decoded yet, and the file that it is read from."""
    if len(image.data) > MAX_IMAGE_BYTES:
        raise PayloadTooLarge
    found = _sniff(image.data)
    data = from_first_marker(image.data) if found == "JPEG" else image.data
    check_segments(data)
    try:
        picture = Image.open(BytesIO(data), formats=(found,))
    except Image.DecompressionBombError:
        raise ImageTooManyPixels from None
    except Exception:  # Pillow raises at least seven kinds on hostile files
        raise ImageUndecodable from None
    # A JPEG with further pictures behind it (MPO, of phones) counts as its first one.
    if found != "JPEG" and getattr(picture, "is_animated", False):
        raise UnsupportedImageType
    width, height = picture.size
    if width * height > (MAX_WEBP_PIXELS if found == "WEBP" else MAX_DECLARED_PIXELS):
        raise ImageTooManyPixels
    if min(width, height) < MIN_SIDE or max(width, height) > MAX_ASPECT * min(width, height):
        raise ImageDimensions
    return picture, data


@contextmanager
def _undecodable() -> Iterator[None]:
    """Around decoding: whatever Pillow raises is the file's fault."""
    try:
        yield
    except MemoryError:
        raise  # it is what the process may use that is at an end
    except Exception:
        raise ImageUndecodable from None


def _without_metadata(pixels: Image.Image) -> Image.Image:
    pixels.info.clear()  # EXIF among it: where a photo was taken goes no further
    return pixels


def _loaded(picture: Image.Image, data: bytes) -> Image.Image:
    if _sniff(data) == "JPEG" and lacks_end(data):
        whole = completed(data)
        if whole is None:
            raise ImageUndecodable
        return whole
    picture.load()
    return picture


def _orientation(picture: Image.Image) -> int:
    """As the file says, 1 (upright) to 8. In whatever type of integer: EXIF wants a SHORT, and some
    editors write a LONG or a BYTE, of which Pillow makes `bytes`."""
    try:
        value = picture.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # garbage EXIF is common; the picture itself is fine
        return 1
    if isinstance(value, bytes) and len(value) == 1:
        value = value[0]
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _sniff(data: bytes) -> str:
    if not data:
        raise ImageUndecodable
    if data.startswith(b"\xff\xd8"):
        return "JPEG"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "WEBP"
    raise UnsupportedImageType


def _digest(pixels: Image.Image) -> str:
    # The size is hashed with the bytes: bare tobytes() collides for 2×3 and 3×2 pictures.
    head = NORMALISATION + struct.pack("<II", pixels.width, pixels.height)
    return hashlib.sha256(head + pixels.tobytes()).hexdigest()
