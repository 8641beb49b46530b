"""The spools that one forwarder empties: its gateway's own and those that it has adopted."""

import contextlib
import logging
import sqlite3
import time
from collections.abc import Iterator

from gateway.log.outbox.metrics import OutboxMetrics
from gateway.log.outbox.spool import Spool
from gateway.log.outbox.spool_folder import SpoolFolder, mark_damaged

log = logging.getLogger(__name__)

# How often the spool folder is searched for orphans and the disk's free space is read.
SCAN_S = 1.0


class HeldSpools:
    def __init__(
        self, folder: SpoolFolder, own: Spool | None, reserve_bytes: int, metrics: OutboxMetrics
    ) -> None:
        self.own = own
        self._folder = folder
        self._reserve_bytes = reserve_bytes
        self._metrics = metrics
        # Replaced, never mutated: other threads read it.
        self._held: tuple[Spool, ...] = (own,) if own else ()
        self._disk_has_room = True
        self._own_is_damaged = False
        self._scan_at = 0.0

    def __iter__(self) -> Iterator[Spool]:
        return iter(self._held)

    @property
    def depth(self) -> int:
        """Number of events in all of them."""
        return sum(spool.depth for spool in self._held)

    @property
    def size(self) -> int:
        """Their bytes."""
        return sum(spool.size for spool in self._held)

    @property
    def adopted(self) -> tuple[int, int]:
        """Events and bytes in those that are not the gateway's own."""
        others = [spool for spool in self._held if spool is not self.own]
        return sum(spool.depth for spool in others), sum(spool.size for spool in others)

    @property
    def own_is_writable(self) -> bool:
        """Whether the gateway's own is in order and its disk has room."""
        return not self._own_is_damaged and self._disk_has_room

    @property
    def are_empty(self) -> bool:
        """Read from the files. True also of those that cannot be read."""
        with contextlib.suppress(sqlite3.Error):
            return all(spool.is_empty for spool in self._held)
        return True

    def scan(self, adopt: bool) -> None:
        """Read the disk's free space and adopt orphaned spools, every SCAN_S."""
        if time.monotonic() < self._scan_at:
            return
        self._scan_at = time.monotonic() + SCAN_S
        self._disk_has_room = self._folder.free_bytes() >= self._reserve_bytes
        if not adopt:
            return
        for spool in self._folder.adopt_orphans():
            self._metrics.torn_frames.inc(spool.torn_frames)
            if not spool.depth:  # its gateway is starting, or died while it removed it
                spool.close()
                continue
            fields = {"spool": spool.folder.name, "waiting": spool.depth, "torn": spool.torn_frames}
            log.info("spool adopted", extra={"fields": fields})
            self._metrics.adopted.inc()
            self._held = (*self._held, spool)

    def drop_if_empty(self, spool: Spool) -> None:
        """The gateway's own stays."""
        if spool is not self.own and not spool.depth:
            self._forget(spool)
            spool.close()

    def drop_damaged(self, spool: Spool) -> None:
        """Rename the folder of a spool with a damaged file. The gateway's own keeps its name until
        the process ends: it records nothing more, and whoever adopts it renames it."""
        if spool is self.own:
            log.error("this gateway's spool is damaged")
            self._own_is_damaged = True
            return
        self._forget(spool)
        mark_damaged(spool.folder)
        spool.release()

    def close(self) -> None:
        for spool in self._held:
            with contextlib.suppress(sqlite3.Error):
                spool.close()

    def _forget(self, spool: Spool) -> None:
        self._held = tuple(other for other in self._held if other is not spool)
