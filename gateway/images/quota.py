"""How much may be kept: of a session, of a tenant, and on the disk."""

import shutil
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import ColumnElement, Connection, func, select

from gateway.errors import StorageFull
from gateway.identity.callers import Caller
from gateway.limits.accounts import Accounts
from gateway.limits.limits import Limits
from gateway.log.schema.tables import images

# A tenant may have 25,000 photos, whose sum takes a server 20 ms: it is read again after this time,
# or for each upload where a tenth of the allowance is left.
REMEMBERED_S = 10.0
CLOSE = 0.9
REMEMBERED_TENANTS = 1_000

column = images.c


class DiskFullError(OSError):
    """What is free is less than IMAGE_DISK_FREE and IMAGE_DISK_FREE_BYTES."""


class Quota:
    """One thread at a time calls `check` and then inserts its row."""

    def __init__(
        self, accounts: Accounts, folder: Path | None, disk_is_full: Callable[[int, int], bool]
    ) -> None:
        """`disk_is_full`: by the bytes of the folder's disk, all and free ones."""
        self._accounts = accounts
        self._folder = folder
        self._disk_is_full = disk_is_full
        self._of_tenant: dict[str, tuple[float, int, int]] = {}

    def need_disk(self) -> None:
        """Raises DiskFullError where too little of the folder's disk is free, and any other OSError
        where that cannot be told. A bucket has no disk."""
        folder = self._folder
        if folder is None:
            return
        while not folder.exists():
            folder = folder.parent
        usage = shutil.disk_usage(folder)
        if self._disk_is_full(usage.total, usage.free):
            raise DiskFullError

    def check(self, connection: Connection, caller: Caller, size: int) -> None:
        """Raises StorageFull where another photo of `size` bytes is too much."""
        which: ColumnElement[bool]
        if caller.session is not None:
            limits = self._accounts.limits_of_session()
            which = (column.tenant == caller.tenant) & (column.session_id == caller.session)
            _check(connection, which, limits, *_used(connection, which), size)
        limits = self._accounts.limits_of_tenant(caller.tenant)
        which = column.tenant == caller.tenant
        at, photos, stored = self._of_tenant.get(caller.tenant, (0.0, 0, 0))
        close = stored + size > limits.stored_bytes * CLOSE or photos > limits.stored_photos * CLOSE
        if close or time.monotonic() - at > REMEMBERED_S:
            at = time.monotonic()
            photos, stored = _used(connection, which)
        _check(connection, which, limits, photos, stored, size)
        if len(self._of_tenant) > REMEMBERED_TENANTS:
            self._of_tenant.clear()
        self._of_tenant[caller.tenant] = at, photos + 1, stored + size


def _used(connection: Connection, which: ColumnElement[bool]) -> tuple[int, int]:
    """How many photos, and how many bytes. What has expired is about to be swept."""
    query = select(func.count(), func.coalesce(func.sum(column.image_bytes), 0)).where(
        which, column.expires_at > datetime.now(UTC)
    )
    photos, stored = connection.execute(query).one()
    return int(photos), int(stored)


def _check(
    connection: Connection,
    which: ColumnElement[bool],
    limits: Limits,
    photos: int,
    stored: int,
    size: int,
) -> None:
    if photos + 1 <= limits.stored_photos and stored + size <= limits.stored_bytes:
        return
    first = connection.scalar(select(func.min(column.expires_at)).where(which))
    wait_s = (first - datetime.now(UTC)).total_seconds() if first is not None else 60.0
    if photos + 1 > limits.stored_photos:
        raise StorageFull.of("photos", limits.stored_photos, max(wait_s, 1.0))
    raise StorageFull.of("stored-bytes", limits.stored_bytes, max(wait_s, 1.0))
