"""What a photo's file says of its own cost, read without decoding anything: its pixels, its scans,
its segments or chunks. A file may lie. Then the limits of the process that decodes it hold."""

import re
from dataclasses import dataclass

from contract.errors import ImageTooComplex
from contract.pixels.truncated import BARE, END

# An ordinary progressive JPEG has 10; 2,000 in 89 KB took 6.5 s.
MAX_SCANS = 64
# An ordinary file has 10 to 1,500; 2.5 million empty ones in 10 MB took 4 to 6 s.
MAX_SEGMENTS = 10_000
# Looked at before the frame's own; ordinary files have 20, and a large profile or EXIF 60 at most.
MAX_FRONT_SEGMENTS = 1_000
LARGE_PIXELS = 16_000_000
# Scans of an ordinary progressive JPEG, rounded up: with more, its pixels count for more.
ORDINARY_SCANS = 12

_JPEG_HEAD, _PNG_HEAD = b"\xff\xd8", b"\x89PNG\r\n\x1a\n"
_SOS_MARK = b"\xff\xda"
_SOS, _EOI, _SOF_PROGRESSIVE = 0xDA, 0xD9, 0xC2
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
# In a scan: what is neither a stuffed byte, nor a restart, nor filling.
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")


@dataclass(frozen=True)
class Cost:
    """`pixels`: 0 where the file does not say."""

    pixels: int
    scans: int = 1

    @property
    def large(self) -> bool:
        """Whether other photos should not wait for it."""
        return self.pixels * max(1.0, self.scans / ORDINARY_SCANS) > LARGE_PIXELS


def cost_of(data: bytes) -> Cost:
    """For the service itself: takes 5 to 20 µs, and 0.3 ms a megabyte for a progressive JPEG."""
    if data.startswith(_JPEG_HEAD):
        return _jpeg(data)
    if data.startswith(_PNG_HEAD):
        return Cost(int.from_bytes(data[16:20]) * int.from_bytes(data[20:24]))
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return _webp(data)
    return Cost(0)


def _jpeg(data: bytes) -> Cost:
    at = 2
    for _ in range(MAX_FRONT_SEGMENTS):
        if at + 9 > len(data):
            return Cost(0)
        if data[at] != END[0] or data[at + 1] == END[0] or data[at + 1] in BARE:
            at += 1
        elif data[at + 1] in _FRAMES:
            pixels = int.from_bytes(data[at + 5 : at + 7]) * int.from_bytes(data[at + 7 : at + 9])
            progressive = data[at + 1] == _SOF_PROGRESSIVE
            return Cost(pixels, data.count(_SOS_MARK, at) if progressive else 1)
        else:
            at += 2 + int.from_bytes(data[at + 2 : at + 4])
    return Cost(LARGE_PIXELS + 1)  # whatever it is, it may wait


def _webp(data: bytes) -> Cost:
    kind, body = data[12:16], data[20:30]
    if kind == b"VP8X":
        sides = [1 + int.from_bytes(body[n : n + 3], "little") for n in (4, 7)]
    elif kind == b"VP8L":
        bits = int.from_bytes(body[1:5], "little")
        sides = [1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)]
    else:
        sides = [int.from_bytes(body[n : n + 2], "little") & 0x3FFF for n in (6, 8)]
    # Its decoder takes twice the time and twice the memory.
    return Cost(2 * sides[0] * sides[1])


def check_segments(data: bytes) -> None:
    """For a helper: takes 1 ms a megabyte, 0.1 s at most. Raises ImageTooComplex."""
    if data.startswith(_JPEG_HEAD):
        _check_jpeg(data)
    elif data.startswith(_PNG_HEAD):
        _check_chunks(data, len(_PNG_HEAD), before=0, after=4, order="big")
    elif data.startswith(b"RIFF"):
        _check_chunks(data, 12, before=4, after=0, order="little")


def _check_jpeg(data: bytes) -> None:
    # Each segment begins with 0xFF. So do stuffed bytes within scans, which are left out.
    many_segments = data.count(END[:1]) > MAX_SEGMENTS
    if many_segments:
        many_segments = data.count(END[:1]) - data.count(b"\xff\x00") > MAX_SEGMENTS
    if not many_segments and data.count(_SOS_MARK) <= MAX_SCANS:
        return
    segments, scans, at = 0, 0, 2
    while at + 4 <= len(data):
        segments += 1
        if segments > MAX_SEGMENTS or scans > MAX_SCANS:
            raise ImageTooComplex
        if data[at] != END[0] or data[at + 1] == END[0] or data[at + 1] in BARE:
            at += 1
            continue
        marker = data[at + 1]
        if marker == _EOI:
            return
        at += 2 + int.from_bytes(data[at + 2 : at + 4])
        if marker == _SOS:
            scans += 1
            following = _MARKER.search(data, at)
            if following is None:
                return
            at = following.start()


def _check_chunks(data: bytes, at: int, *, before: int, after: int, order: str) -> None:
    """Chunks whose length stands so many bytes behind their beginning, and which have so many bytes
    more than they say beside their name and length."""
    chunks = 0
    while at + 8 <= len(data) and data[at + 4 : at + 8] != b"IEND":
        length = int.from_bytes(data[at + before : at + before + 4], order)  # type: ignore[arg-type]
        at += 8 + length + after + (length % 2 if before else 0)
        chunks += 1
        if chunks > MAX_SEGMENTS:
            raise ImageTooComplex
