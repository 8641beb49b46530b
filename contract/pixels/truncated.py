"""JPEG files with stray bytes in front, or without their end mark, as some phones and tools leave
them. One whose pixels are all there is read; one of which pixels are missing is not."""

import hashlib
from io import BytesIO

from PIL import Image

END = b"\xff\xd9"
# What stands in a file between its last pixel and its end mark changes no pixel. Where pixels are
# missing, it is read as pixels. No code of a Huffman table begins with both: two are enough.
_PADDINGS = (b"\x00" * 64, b"\xaa" * 64)
_SOF_PROGRESSIVE, _SOS, _EOI = 0xC2, 0xDA, 0xD9
# Markers without a length: restarts, and a relic.
BARE = {0x01, *range(0xD0, 0xD8)}
_COEFFICIENTS = 64
# Rows that are hashed at a time.
_BAND = 256


def from_first_marker(data: bytes) -> bytes:
    """A JPEG file without stray bytes behind its first marker. libjpeg passes over them, Pillow
    takes the file for something else."""
    at = data.find(END[:1], 2)
    return data if at == 2 or at < 0 else data[:2] + data[at:]


def lacks_end(data: bytes) -> bool:
    """Whether a JPEG file's first picture has no end mark."""
    return not data.endswith(END) and end_mark(data) < 0


def end_mark(data: bytes, at: int = 2) -> int:
    """Where the end mark of a JPEG file's first picture stands, -1 where there is none; looked for
    from the marker `at` on. What stands before scans and between them has a length, so that no byte
    of a table or of a thumbnail is taken for a marker."""
    while at + 1 < len(data):
        at = data.find(END[:1], at)
        if at < 0 or at + 1 >= len(data):
            break
        marker = data[at + 1]
        if marker == _EOI:
            return at
        if marker in (0x00, 0xFF) or marker in BARE:
            at += 1 if marker == 0xFF else 2
        else:
            at += 2 + int.from_bytes(data[at + 2 : at + 4])
    return -1


def completed(data: bytes) -> Image.Image | None:
    """The loaded picture of a JPEG file without an end mark, None where pixels are missing. Decodes
    twice, and keeps one picture at a time: of 60 MP it has 240 MB."""
    data = data.rstrip(END[:1])  # the first half of the mark
    if not _all_scans(data):
        return None
    picture: Image.Image | None = None
    digests = set()
    for padding in _PADDINGS:
        if picture is not None:
            picture.close()
        picture = Image.open(BytesIO(data + padding + END), formats=("JPEG",))
        picture.load()
        digests.add(_digest(picture))
    return picture if len(digests) == 1 else None


def _digest(picture: Image.Image) -> bytes:
    hasher = hashlib.sha256()
    for top in range(0, picture.height, _BAND):
        bottom = min(top + _BAND, picture.height)
        hasher.update(picture.crop((0, top, picture.width, bottom)).tobytes())
    return hasher.digest()


def _all_scans(data: bytes) -> bool:
    """Whether a progressive JPEG has a scan for every bit of every coefficient: without the last
    ones it is a whole picture, but a blurred one."""
    progressive = False
    missing: dict[int, list[int]] = {}  # by component: bits that each coefficient lacks
    at = 2
    while 0 <= (at := data.find(END[:1], at)) <= len(data) - 4:
        if data[at + 1] in (0x00, 0xFF, *range(0xD0, 0xDA)):
            at += 1  # within a scan
            continue
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4])
        body = data[at + 4 : at + 2 + length]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC) and len(body) > 5:
            progressive = marker == _SOF_PROGRESSIVE
            missing = {body[6 + 3 * n]: [16] * _COEFFICIENTS for n in range(body[5])}
        elif marker == _SOS and progressive and body:
            first, last, low = body[-3], min(body[-2], _COEFFICIENTS - 1), body[-1] & 15
            for component in body[1 : 1 + 2 * body[0] : 2]:
                for number in range(first, last + 1):
                    missing[component][number] = low
        at += 2 + length
    return not progressive or not any(any(bits) for bits in missing.values())
