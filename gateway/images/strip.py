"""A photo's file without what its sender need not know to be in it: places, names, thumbnails,
comments, further pictures. Pixels, colour profile and orientation stay, byte for byte."""

import struct
import zlib
from collections.abc import Iterator

from contract.images import ImageFacts
from contract.pixels.truncated import BARE, END, end_mark

_PNG_HEAD = b"\x89PNG\r\n\x1a\n"
# What a PNG's pixels and their colours need.
_PNG_KEPT = {
    b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND",
    b"iCCP", b"sRGB", b"gAMA", b"cHRM", b"cICP", b"sBIT",
}  # fmt: skip
_WEBP_KEPT = {b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ICCP"}
# In the flags of a VP8X chunk: whether EXIF or XMP follow.
_WEBP_EXIF, _WEBP_XMP = 0x08, 0x04
_SOS, _COM = 0xDA, 0xFE
_APP0, _APP1, _APP2, _APP14, _APP15 = 0xE0, 0xE1, 0xE2, 0xEE, 0xEF


def without_metadata(data: bytes, facts: ImageFacts) -> bytes:
    """`facts`: of these data, which have been decoded before."""
    strip = {"JPEG": _jpeg, "PNG": _png, "WEBP": _webp}[facts.format]
    return strip(data, facts.orientation)


def _exif(orientation: int) -> bytes:
    """A TIFF with the one tag 0x0112, big-endian."""
    tag = struct.pack(">HHIHH", 0x0112, 3, 1, orientation, 0)
    return b"MM\0*" + struct.pack(">IH", 8, 1) + tag + b"\0\0\0\0"


def _jpeg(data: bytes, orientation: int) -> bytes:
    """Marker segments up to the first scan, then everything up to the end mark: between scans there
    are only tables. An MPO's further pictures stand behind it."""
    kept = [data[:2]]
    if orientation != 1:
        body = b"Exif\0\0" + _exif(orientation)
        kept.append(b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body)
    at = 2
    while at + 4 <= len(data):
        if data[at] != 0xFF or data[at + 1] == 0xFF or data[at + 1] in BARE:
            at += 1  # filling
            continue
        marker = data[at + 1]
        if marker == _SOS:
            end = end_mark(data, at)
            return b"".join(kept) + data[at : end + len(END) if end >= 0 else len(data)]
        length = 2 + int.from_bytes(data[at + 2 : at + 4])
        segment = data[at : at + length]
        if _is_kept(marker, segment[4:]):
            kept.append(segment)
        at += length
    return data  # no scan: it cannot have been decoded


def _is_kept(marker: int, body: bytes) -> bool:
    if marker == _APP0:
        return body.startswith(b"JFIF\0")
    if marker == _APP2:
        return body.startswith(b"ICC_PROFILE\0")
    if marker == _APP14:
        return body.startswith(b"Adobe")  # says what the channels are
    return marker != _COM and not _APP1 <= marker <= _APP15


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
