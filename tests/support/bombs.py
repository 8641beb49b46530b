"""Photos that cost more than they look like, each as small as an attacker would make it."""

import struct
import zlib
from io import BytesIO

from PIL import Image

from tests.support.pictures import encoded, picture

MB = 1024 * 1024


def many_scans(count: int, size: tuple[int, int] = (640, 480)) -> bytes:
    """A progressive JPEG whose last scan comes `count` times."""
    data = encoded(Image.new("RGB", size, "red"), "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * count + b"\xff\xd9"


def comments(count: int) -> bytes:
    """A JPEG with so many empty comments."""
    data = encoded(picture(), "JPEG")
    return data[:2] + b"\xff\xfe\x00\x02" * count + data[2:]


def filling(count: int) -> bytes:
    """A JPEG with so many bytes that mean nothing before its first segment."""
    data = encoded(picture(), "JPEG")
    return data[:2] + b"\xff" * count + data[2:]


def chunks(count: int) -> bytes:
    """A PNG with so many empty chunks."""
    data = encoded(picture())
    empty = b"\0\0\0\0teSt" + struct.pack(">I", zlib.crc32(b"teSt"))
    return data[:33] + empty * count + data[33:]


def riff_chunks(count: int) -> bytes:
    """A WebP with so many empty chunks behind its picture."""
    data = encoded(picture(), "WEBP", lossless=True)
    body = data[8:] + b"teSt\0\0\0\0" * count
    return b"RIFF" + struct.pack("<I", len(body)) + body


def declared(width: int, height: int) -> bytes:
    """A PNG that claims to be so large, in less than 100 bytes."""
    data = encoded(picture())
    head = b"IHDR" + struct.pack(">II", width, height) + data[24:29]
    return data[:12] + head + struct.pack(">I", zlib.crc32(head)) + data[33:80]


def flat(width: int, height: int, format_: str = "PNG", **options: object) -> bytes:
    """One colour in a few hundred KB at most, however large."""
    made = BytesIO()
    Image.new("RGB", (width, height), "teal").save(made, format_, **options)
    return made.getvalue()
