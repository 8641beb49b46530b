"""A photo's file without what its sender need not know to be in it: places, names, thumbnails,
comments, further pictures. Pixels, colour profile and orientation stay, byte for byte."""

import struct
import zlib
from collections.abc import Iterator

from contract.images import ImageFacts
from contract.pixels.truncated import BARE, END

_PNG_HEAD = b"\x89PNG\r\n\x1a\n"
# What a PNG's pixels and their colours need.
_PNG_KEPT = {
    b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND",
    b"iCCP", b"sRGB", b"gAMA", b"cHRM", b"cICP", b"sBIT",
}  # fmt: skip
# ANMF holds the pixels of an animation; one of a single frame counts as a photo.
_WEBP_KEPT = {b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ICCP", b"ANIM", b"ANMF"}
# In the flags of a VP8X chunk: whether EXIF or XMP follow.
_WEBP_EXIF, _WEBP_XMP = 0x08, 0x04
_SOS, _COM = 0xDA, 0xFE
_APP0, _APP2, _APP14, _APP15 = 0xE0, 0xE2, 0xEE, 0xEF
# A shorter segment is none for libjpeg, either.
_ADOBE_BYTES = 12
# Behind 0xFF: a 0xFF of the pixels, and bytes that fill up.
_FILLING = (0x00, 0xFF)


def without_metadata(data: bytes, facts: ImageFacts) -> bytes:
    """`facts`: of these data, which have been decoded before."""
    strip = {"JPEG": _jpeg, "PNG": _png, "WEBP": _webp}[facts.format]
    return strip(data, facts.orientation)


def _exif(orientation: int) -> bytes:
    """A TIFF with the one tag 0x0112, big-endian."""
    tag = struct.pack(">HHIHH", 0x0112, 3, 1, orientation, 0)
    return b"MM\0*" + struct.pack(">IH", 8, 1) + tag + b"\0\0\0\0"


def _jpeg(data: bytes, orientation: int) -> bytes:
    """Marker segments and scans up to the end mark. An MPO's further pictures stand behind it."""
    kept = [data[:2]]
    if orientation != 1:
        body = b"Exif\0\0" + _exif(orientation)
        kept.append(b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body)
    at = 2
    while at + 2 <= len(data):
        marker = data[at + 1]
        if data[at] != 0xFF or marker in _FILLING or marker in BARE:
            at += 1
            continue
        if marker == END[1]:
            return b"".join([*kept, END])
        length = 2 + int.from_bytes(data[at + 2 : at + 4])
        kept.append(_kept_of(marker, data[at : at + length]))
        at += length
        if marker == _SOS:
            scan_end = _next_marker(data, at)
            kept.append(data[at:scan_end])
            at = scan_end
    return b"".join(kept)  # without an end mark


def _next_marker(data: bytes, at: int) -> int:
    """Where the scan ends whose entropy-coded data begin at `at`."""
    while 0 <= (at := data.find(END[:1], at)) < len(data) - 1:
        if data[at + 1] not in _FILLING and data[at + 1] not in BARE:
            return at
        at += 1
    return len(data)


def _kept_of(marker: int, segment: bytes) -> bytes:
    """The segment, or as much of it as pixels and colours need."""
    body = segment[4:]
    if marker == _APP0 and body.startswith(b"JFIF\0"):
        thumbnail_at = 12  # its width, its height and its pixels
        return b"\xff\xe0\0\x10" + body[:thumbnail_at].ljust(thumbnail_at + 2, b"\0")
    if marker == _APP14 and body.startswith(b"Adobe") and len(body) >= _ADOBE_BYTES:
        return b"\xff\xee\0\x0e" + body[:_ADOBE_BYTES]  # says what the channels are
    profile = marker == _APP2 and body.startswith(b"ICC_PROFILE\0")
    dropped = marker == _COM or _APP0 <= marker <= _APP15
    return segment if profile or not dropped else b""


def _png(data: bytes, orientation: int) -> bytes:
    kept = [_PNG_HEAD]
    at = len(_PNG_HEAD)
    while at + 8 <= len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        kind = data[at + 4 : at + 8]
        if kind in _PNG_KEPT:
            kept.append(data[at : at + 12 + length])
        if kind == b"IHDR" and orientation != 1:
            body = _exif(orientation)
            check = struct.pack(">I", zlib.crc32(b"eXIf" + body))
            kept.append(struct.pack(">I", len(body)) + b"eXIf" + body + check)
        if kind == b"IEND":
            break
        at += 12 + length
    return b"".join(kept)


def _webp(data: bytes, orientation: int) -> bytes:
    chunks = [(kind, body) for kind, body in _riff(data) if kind in _WEBP_KEPT]
    if chunks and chunks[0][0] == b"VP8X":  # else the file can hold nothing but its pixels
        flags = chunks[0][1][0] & ~(_WEBP_EXIF | _WEBP_XMP)
        if orientation != 1:
            flags |= _WEBP_EXIF
            chunks.append((b"EXIF", _exif(orientation)))
        chunks[0] = (b"VP8X", bytes([flags]) + chunks[0][1][1:])
    body = b"".join(
        kind + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)
        for kind, body in chunks
    )
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def _riff(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at, end = 12, min(len(data), 8 + int.from_bytes(data[4:8], "little"))
    while at + 8 <= end:
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        yield data[at : at + 4], data[at + 8 : at + 8 + length]
        at += 8 + length + length % 2
