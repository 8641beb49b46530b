"""Files of tenants: bytes in a folder that gateways and workers share, rows in SQL that say whose
they are and until when."""

import asyncio
import logging
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, Row, delete, func, insert, select
from sqlalchemy.exc import SQLAlchemyError
from uuid6 import uuid7

from gateway.batch.file import INPUT, StoredFile, file_key, path_of
from gateway.batch.settings import BatchSettings
from gateway.errors import FileNotFound, FilesFull, FileStoreUnavailable
from gateway.images.quota import Quota
from gateway.limits.accounts import Accounts
from gateway.log.schema.batch_tables import files

log = logging.getLogger(__name__)

# A half-written file of a client that left, or of a gateway that died.
HALF = ".part"
HALF_S = 86_400
# Rows of one round of the sweep.
SWEEP_ROWS = 500

R = TypeVar("R")
column = files.c


class Files:
    def __init__(
        self, settings: BatchSettings, engine: Engine, accounts: Accounts, disk: Quota
    ) -> None:
        """`disk` says whether enough of it is free."""
        self.folder = settings.file_dir
        self.max_bytes = settings.file_max_bytes
        self.ttl = timedelta(seconds=settings.file_ttl_s)
        self._engine = engine
        self._accounts = accounts
        self._disk = disk
        self._counting = threading.Lock()
        # Of its own: a database that hangs must not keep files, or anybody else, waiting.
        self._sql = ThreadPoolExecutor(2, thread_name_prefix="files")

    def close(self) -> None:
        self._sql.shutdown(wait=False, cancel_futures=True)

    async def begin(self, tenant: str, size: int) -> Path:
        """Where a file of at least `size` bytes may be written. Raises FilesFull before anything
        of it was read, and FileStoreUnavailable."""
        return await self._run(self._begin, tenant, size)

    async def keep(
        self, half: Path, tenant: str, name: str, began_at: datetime, ttl: timedelta | None
    ) -> StoredFile:
        """The file that was written to `half`, kept. Raises FilesFull, FileStoreUnavailable."""
        return await self._run(self._keep, half, tenant, name, began_at, ttl or self.ttl)

    async def find(self, name: str, tenant: str, field: str = "file_id") -> StoredFile:
        """The tenant's own file. Raises FileNotFound, the same for one that is another's. `field`:
        the client's, that names it."""
        key = file_key(name)
        found = await self._run(self._select, key, tenant) if key is not None else None
        if found is None:
            raise FileNotFound(field)
        return found

    async def page(
        self, tenant: str, purpose: str | None, after: str | None, limit: int, ascending: bool
    ) -> tuple[list[StoredFile], bool]:
        """Up to `limit` files behind `after`, and whether there are more."""
        return await self._run(self._page, tenant, purpose, after, limit, ascending)

    async def delete(self, name: str, tenant: str) -> None:
        """Raises FileNotFound."""
        file = await self.find(name, tenant)
        await self._run(self._delete, [file.key])

    def path(self, file: StoredFile) -> Path:
        return path_of(self.folder, file.key)

    async def _run(self, call: Callable[..., R], *arguments: Any) -> R:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._sql, call, *arguments)
        except (OSError, SQLAlchemyError) as error:
            log.error("file store failed", extra={"fields": {"why": type(error).__name__}})
            raise FileStoreUnavailable from None

    def _begin(self, tenant: str, size: int) -> Path:
        self._disk.need_disk()
        with self._engine.connect() as connection:
            self._check(connection, tenant, size)
        self.folder.mkdir(parents=True, exist_ok=True)
        return self.folder / f"{uuid.uuid4().hex}{HALF}"

    def _keep(
        self, half: Path, tenant: str, name: str, began_at: datetime, ttl: timedelta
    ) -> StoredFile:
        size = half.stat().st_size
        key = uuid.UUID(int=uuid7().int)
        file = StoredFile(key, tenant, INPUT, name, size, began_at, began_at + ttl)
        path = path_of(self.folder, key)
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            half.replace(path)  # before its row: a row always has its file
            # One at a time, so that what is counted is what is there, but for other gateways.
            with self._counting, self._engine.begin() as connection:
                self._check(connection, tenant, size)
                connection.execute(insert(files), file.row())
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return file

    def _check(self, connection: Connection, tenant: str, size: int) -> None:
        """Raises FilesFull where another file of `size` bytes is too much."""
        limit = self._accounts.limits_of_batch(tenant).stored_bytes
        query = select(func.coalesce(func.sum(column.bytes), 0), func.min(column.expires_at))
        stored, first = connection.execute(query.where(column.tenant == tenant)).one()
        if int(stored) + size > limit:
            wait_s = (first - datetime.now(UTC)).total_seconds() if first is not None else 60.0
            raise FilesFull.of("stored-bytes", limit, max(wait_s, 1.0))

    def _select(self, key: uuid.UUID, tenant: str) -> StoredFile | None:
        with self._engine.connect() as connection:
            query = select(files).where(column.file_id == key, column.tenant == tenant)
            row = connection.execute(query).first()
        if row is None or row.expires_at <= datetime.now(UTC):
            return None
        return file_of(row)

    def _page(
        self, tenant: str, purpose: str | None, after: str | None, limit: int, ascending: bool
    ) -> tuple[list[StoredFile], bool]:
        order = column.file_id.asc() if ascending else column.file_id.desc()
        query = select(files).where(column.tenant == tenant, column.expires_at > datetime.now(UTC))
        if purpose is not None:
            query = query.where(column.purpose == purpose)
        if after is not None and (key := file_key(after)) is not None:
            query = query.where(column.file_id > key if ascending else column.file_id < key)
        with self._engine.connect() as connection:
            rows = connection.execute(query.order_by(order).limit(limit + 1)).all()
        return [file_of(row) for row in rows[:limit]], len(rows) > limit

    def _delete(self, keys: list[uuid.UUID]) -> None:
        """The bytes first: a row without a file says where one was."""
        for key in keys:
            path_of(self.folder, key).unlink(missing_ok=True)
        with self._engine.begin() as connection:
            connection.execute(delete(files).where(column.file_id.in_(keys)))

    def sweep(self) -> int:
        """Delete what has expired, and halves that nobody goes on with. Returns how many rows.
        Blocks; raises SQLAlchemyError, OSError."""
        swept = 0
        query = select(column.file_id).where(column.expires_at < datetime.now(UTC))
        while True:
            with self._engine.connect() as connection:
                keys = list(connection.scalars(query.limit(SWEEP_ROWS)))
            if not keys:
                break
            self._delete(keys)
            swept += len(keys)
        for half in self.folder.glob(f"*{HALF}"):
            if _is_old(half):
                half.unlink(missing_ok=True)
        self._delete_orphans()
        return swept

    def _delete_orphans(self) -> None:
        """Files without a row: of a gateway that died between the two."""
        old = [path for path in self.folder.glob("??/" + "[0-9a-f]" * 32) if _is_old(path)]
        for begin in range(0, len(old), SWEEP_ROWS):
            some = {uuid.UUID(path.name): path for path in old[begin : begin + SWEEP_ROWS]}
            with self._engine.connect() as connection:
                query = select(column.file_id).where(column.file_id.in_(some))
                known = set(connection.scalars(query))
            for key in some.keys() - known:
                some[key].unlink(missing_ok=True)


def _is_old(path: Path) -> bool:
    """Whether nobody goes on with it. One that is gone by now was somebody's."""
    try:
        return path.stat().st_mtime < time.time() - HALF_S
    except FileNotFoundError:
        return False


def file_of(row: Row[Any]) -> StoredFile:
    own = row.file_id, row.tenant, row.purpose, row.name, row.bytes
    return StoredFile(*own, row.created_at, row.expires_at)
