"""Counts the frames of an SQLite write-ahead log, to find those that a crash left torn at its end.
SQLite skips them in silence. Format: https://www.sqlite.org/fileformat2.html#the_write_ahead_log"""

import struct
from pathlib import Path

HEADER_BYTES = 32
FRAME_HEADER_BYTES = 24


def count_frames(wal: Path) -> int:
    """Number of frames of the WAL's current generation, complete or not, committed or not."""
    if not wal.exists():
        return 0
    with wal.open("rb") as file:
        header = file.read(HEADER_BYTES)
        if len(header) < HEADER_BYTES:
            return 0
        (page_bytes,) = struct.unpack(">I", header[8:12])
        salts = header[16:24]
        frames = 0
        while True:
            file.seek(HEADER_BYTES + frames * (page_bytes + FRAME_HEADER_BYTES))
            frame = file.read(FRAME_HEADER_BYTES)
            # Frames of an earlier generation have other salts. They are old, not torn.
            if not frame or frame[8:16] != salts[: len(frame[8:16])]:
                return frames
            frames += 1
