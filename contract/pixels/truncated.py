"""JPEG files that lack their end mark, as some phones and download tools leave them. One whose
pixels are all there is read; one of which pixels are missing is not."""

from io import BytesIO

from PIL import Image

END = b"\xff\xd9"
# What stands in a file between its last pixel and its end mark changes no pixel. Where pixels are
# missing, it is read as pixels.
_PADDINGS = (b"", b"\x00" * 64, b"\xaa" * 64)
_SOF_PROGRESSIVE, _SOS = 0xC2, 0xDA
_COEFFICIENTS = 64


def completed(data: bytes) -> Image.Image | None:
    """The loaded picture of a JPEG file without an end mark, None where pixels are missing. Decodes
    three times."""
    data = data.rstrip(END[:1])  # the first half of the mark
    if not _all_scans(data):
        return None
    first: Image.Image | None = None
    for padding in _PADDINGS:
        picture = Image.open(BytesIO(data + padding + END), formats=("JPEG",))
        picture.load()
        if first is None:
            first = picture
        elif picture.tobytes() != first.tobytes():
            return None
    return first


def _all_scans(data: bytes) -> bool:
    """Whether a progressive JPEG has a scan for every bit of every coefficient: without the last
    ones it is a whole picture, but a blurred one."""
    progressive = False
    missing: dict[int, list[int]] = {}  # by component: bits that each coefficient lacks
    at = 2
    while at + 4 <= len(data):
        if data[at] != 0xFF or data[at + 1] in (0x00, 0xFF, *range(0xD0, 0xDA)):
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
