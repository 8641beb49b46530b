"""How much an SQLite write-ahead log holds, to count what a crash left torn at its end: SQLite
skips that in silence. Format: https://www.sqlite.org/fileformat2.html#the_write_ahead_log"""

import struct
from pathlib import Path

HEADER_BYTES = 32
FRAME_HEADER_BYTES = 24


def frames_begun(wal: Path) -> int:
    """Frames of the log's present generation, whole or not, committed or not."""
    if not wal.exists():
        return 0
    with wal.open("rb") as file:
        header = file.read(HEADER_BYTES)
        if len(header) < HEADER_BYTES:
            return 0
        (page_bytes,) = struct.unpack(">I", header[8:12])
        salts = header[16:24]
        begun = 0
        while True:
            file.seek(HEADER_BYTES + begun * (page_bytes + FRAME_HEADER_BYTES))
            frame = file.read(FRAME_HEADER_BYTES)
            # Frames of an earlier generation have other salts: old, not torn.
            if not frame or frame[8:16] != salts[: len(frame[8:16])]:
                return begun
            begun += 1
