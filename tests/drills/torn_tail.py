"""Power goes: the disk has what was synced, and of the rest any part, or anything at all. With
`LOG_DURABILITY=power` every event that was acknowledged by then is there, at whatever byte the tail
is cut; groups are whole or not at all; and what was torn is counted."""

import random
import shutil
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from gateway.log.outbox.spool_folder import SpoolFolder
from gateway.log.outbox.wal import FRAME_HEADER_BYTES, HEADER_BYTES
from tests.drills.verdict import Verdict
from tests.support.events import event, ids_of

PAGE_BYTES = 4096


@dataclass
class Crashes:
    """What the write-ahead log held at each acknowledgement, and its bytes."""

    database: bytes
    log: bytes
    # Its length when so many events were acknowledged, and these.
    acknowledged: list[tuple[int, set[str]]] = field(default_factory=list)


def record(folder: Path) -> Crashes:
    spool = SpoolFolder(folder, "power").create_spool()
    wal = spool.folder / "events.db-wal"
    acknowledged: list[tuple[int, set[str]]] = [(wal.stat().st_size, set())]
    events: list[str] = []
    for size in (1, 3, 20, 1):
        group = [event() for _ in range(size)]
        spool.append(group)
        events += group
        acknowledged.append((wal.stat().st_size, set(ids_of(events))))
    made = Crashes((spool.folder / "events.db").read_bytes(), wal.read_bytes(), acknowledged)
    spool.release()
    return made


def drill(cuts: int = 1000) -> Verdict:
    """`cuts` at random, beside those at every frame's and every commit's edge."""
    chance = random.Random(7)
    lost = wrong = torn = tried = 0
    slowest = 0.0
    with tempfile.TemporaryDirectory(prefix="shopsight-drill-") as name:
        crashes = record(Path(name) / "spool")
        first, whole = crashes.acknowledged[0][0], len(crashes.log)
        edges = [size + step for size, _ in crashes.acknowledged for step in (-1, 0, 1)]
        frames = range(HEADER_BYTES, whole, PAGE_BYTES + FRAME_HEADER_BYTES)
        some = chance.sample(range(first, whole), min(cuts, whole - first))
        for cut in sorted(c for c in {*edges, *frames, *some} if first <= c <= whole):
            for rest in (b"", chance.randbytes(whole - cut)):
                begun = time.monotonic()
                kept, torn_frames = after_a_crash(Path(name) / "crashed", crashes, cut, rest)
                slowest = max(slowest, time.monotonic() - begun)
                promised = [ids for size, ids in crashes.acknowledged if size <= cut][-1]
                lost += len(promised - kept)
                wrong += kept not in [ids for _, ids in crashes.acknowledged]
                # Cut at a commit's edge, nothing is torn; elsewhere, something is.
                edge = cut in {size for size, _ in crashes.acknowledged}
                wrong += not rest and edge is (torn_frames > 0)
                torn += torn_frames > 0
                tried += 1
    more = {"crashes": tried, "with_torn_frames": torn}
    return Verdict("torn_tail", lost, 0, wrong, 0.0, slowest, more)


def after_a_crash(folder: Path, crashes: Crashes, cut: int, rest: bytes) -> tuple[set[str], int]:
    """The events found, and how many frames were torn."""
    spool = folder / "20260101T000000-00000000"
    spool.mkdir(parents=True)
    (spool / "events.db").write_bytes(crashes.database)
    (spool / "events.db-wal").write_bytes(crashes.log[:cut] + rest)
    (adopted,) = SpoolFolder(folder, "power").adopt_orphans()
    kept = set(ids_of(spooled.event for spooled in adopted.oldest(1_000)))
    adopted.release()
    shutil.rmtree(folder)
    return kept, adopted.torn_frames
