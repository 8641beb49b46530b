"""The spool's disk fills up to the last byte while the database is away: what cannot be recorded is
refused, what was acknowledged is there, and the database's return alone heals it."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.drills.fleet import fleet
from tests.drills.load import Load
from tests.drills.verdict import Verdict, judge
from tests.support.servers import wait_until


class NotAllowed(Exception):
    """Only root may mount the small disk that the drill fills."""


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[None]:
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if subprocess.run(command, check=False, capture_output=True).returncode:
        raise NotAllowed
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def leave(room_bytes: int, folder: Path) -> None:
    """Somebody else's file takes the rest of the disk."""
    with (folder / "others.log").open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, shutil.disk_usage(folder).free - room_bytes)


def drill(room_bytes: int | None = None, refused_s: float = 10, per_s: float = 100) -> Verdict:
    """`room_bytes`: of the disk that events may fill; all that the spool leaves unless given."""
    with fleet(0) as up, small_disk(up.spool_dir, "24m"):
        gateway = up.add_gateway(SPOOL_RESERVE_BYTES="0")
        try:
            wait_until("gateway", lambda: gateway.is_ready)
            if room_bytes is not None:
                leave(room_bytes, up.spool_dir)
            up.stub.behave(padding=" long" * 4_000)
            up.database.stop()
            with Load(up.gateways, per_s) as load:
                wait_until(
                    "full", lambda: any(end.startswith("503") for end in load.ledger.statuses), 120
                )
                full = time.monotonic()
                time.sleep(refused_s)
                calls = up.stub.calls()
                back = time.monotonic()
                up.database.start()
                wait_until("room again", lambda: gateway.is_ready, 60)
                up.caught_up_after()
                recovery_s = time.monotonic() - back
                time.sleep(1)
                healed = time.monotonic()
                time.sleep(1)
            up.drained_after()
            asked = load.ledger.asked
            refused = [a for a in asked if full <= a.at < back and a.status != 200]
            verdict, _ = judge(
                "disk_full",
                up,
                load.ledger,
                recovery_s,
                refused=len(refused),
                refused_p99_ms=sorted(a.took_s for a in refused)[-1 - len(refused) // 100] * 1000,
                replica_calls=calls,
                errors_once_healed=sum(a.status != 200 for a in asked if a.at >= healed),
            )
        finally:
            gateway.close()  # before its disk goes
        return verdict
