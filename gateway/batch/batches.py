"""Batches of tenants, as requests see them: made, looked up, listed, cancelled. `jobs` does what
they wait for."""

import asyncio
import hashlib
import json
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, Row, func, insert, select, update
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from gateway.batch.batch import batch_key
from gateway.errors import BatchEnded, BatchNotFound, FileStoreUnavailable, TooManyBatches
from gateway.log.schema.batch_tables import OPEN, batches

# Of one tenant at a time; more are refused until one has ended. Each has 50,000 lines at most.
# Those that are made at the same moment may be a few more.
OPEN_BATCHES = 50
# When one of them may have ended: a guess.
NEXT_S = 60.0

R = TypeVar("R")
column = batches.c
EPOCH = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True)
class NewBatch:
    key: uuid.UUID
    tenant: str
    key_id: str
    """Of the API key that made it: its lines stop where that key is revoked or expires."""
    endpoint: str
    input_file: uuid.UUID
    labels: Mapping[str, str] | None
    output_ttl_s: int
    retry_key: str | None = None
    """The request's Idempotency-Key. Sent again, it finds the batch that it has made."""

    @property
    def request_digest(self) -> str | None:
        """Of whose request it is and what it asks for: with another body it is another one."""
        if self.retry_key is None:
            return None
        labels = json.dumps(self.labels, sort_keys=True)
        asked = (self.endpoint, self.input_file.hex, labels, self.output_ttl_s)
        told = json.dumps([self.tenant, self.retry_key, *asked])
        return hashlib.sha256(told.encode()).hexdigest()


class Batches:
    def __init__(self, engine: Engine, window_s: int) -> None:
        self._engine = engine
        self._window = timedelta(seconds=window_s)
        self._sql = ThreadPoolExecutor(2, thread_name_prefix="batches")

    def close(self) -> None:
        self._sql.shutdown(wait=False, cancel_futures=True)

    async def add(self, new: NewBatch) -> Row[Any]:
        """The batch, or the one that the same request has made before. Raises TooManyBatches,
        FileStoreUnavailable, as all of these do."""
        return await self._run(self._add, new)

    async def find(self, name: str, tenant: str) -> Row[Any]:
        """The tenant's own. Raises BatchNotFound, the same for one that is another's."""
        key = batch_key(name)
        row = await self._run(self._select, key, tenant) if key is not None else None
        if row is None:
            raise BatchNotFound("batch_id")
        return row

    async def page(self, tenant: str, after: str | None, limit: int) -> tuple[list[Row[Any]], bool]:
        """Up to `limit` batches before `after`, the newest first, and whether there are more."""
        return await self._run(self._page, tenant, after, limit)

    async def cancel(self, name: str, tenant: str) -> Row[Any]:
        """Lines that are under way go on to their end. Raises BatchNotFound, BatchEnded."""
        row = await self.find(name, tenant)
        changed = await self._run(self._cancel, row.batch_id)
        row = await self.find(name, tenant)
        if not changed and row.status not in ("cancelling", "cancelled"):
            raise BatchEnded("batch_id")
        return row

    async def _run(self, call: Callable[..., R], *arguments: Any) -> R:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._sql, call, *arguments)
        except SQLAlchemyError:
            raise FileStoreUnavailable from None

    def _add(self, new: NewBatch) -> Row[Any]:
        now = datetime.now(UTC)
        row = {
            "batch_id": new.key,
            "tenant": new.tenant,
            "key_id": new.key_id,
            "endpoint": new.endpoint,
            "status": "validating",
            "input_file_id": new.input_file,
            "created_at": now,
            "expires_at": now + self._window,
            **dict.fromkeys(("total", "completed", "failed", "fence"), 0),
            "labels": json.dumps(new.labels) if new.labels is not None else None,
            "output_ttl_s": new.output_ttl_s,
            "leased_until": EPOCH,
            "request_digest": new.request_digest,
        }
        try:
            return self._insert(new, row)
        except IntegrityError:  # the same request was faster
            with self._engine.connect() as connection:
                if (made := _made(connection, new)) is None:
                    raise
                return made

    def _insert(self, new: NewBatch, row: dict[str, Any]) -> Row[Any]:
        with self._engine.begin() as connection:
            if (made := _made(connection, new)) is not None:
                return made
            which = (column.tenant == new.tenant) & column.status.in_(OPEN)
            under_way = connection.scalar(select(func.count()).select_from(batches).where(which))
            if (under_way or 0) >= OPEN_BATCHES:
                raise TooManyBatches.of("batches", OPEN_BATCHES, NEXT_S)
            connection.execute(insert(batches), row)
            return _row(connection, new.key, new.tenant)

    def _select(self, key: uuid.UUID, tenant: str) -> Row[Any] | None:
        with self._engine.connect() as connection:
            query = select(batches).where(column.batch_id == key, column.tenant == tenant)
            return connection.execute(query).first()

    def _page(self, tenant: str, after: str | None, limit: int) -> tuple[list[Row[Any]], bool]:
        query = select(batches).where(column.tenant == tenant)
        if after is not None and (key := batch_key(after)) is not None:
            query = query.where(column.batch_id < key)
        with self._engine.connect() as connection:
            query = query.order_by(column.batch_id.desc()).limit(limit + 1)
            rows = list(connection.execute(query))
        return rows[:limit], len(rows) > limit

    def _cancel(self, key: uuid.UUID) -> bool:
        may_be = column.status.in_(("validating", "in_progress"))
        change = update(batches).where(column.batch_id == key, may_be)
        with self._engine.begin() as connection:
            values = {"status": "cancelling", "cancelling_at": datetime.now(UTC)}
            return bool(connection.execute(change.values(values)).rowcount)


def _made(connection: Connection, new: NewBatch) -> Row[Any] | None:
    if (digest := new.request_digest) is None:
        return None
    return connection.execute(select(batches).where(column.request_digest == digest)).first()


def _row(connection: Connection, key: uuid.UUID, tenant: str) -> Row[Any]:
    query = select(batches).where(column.batch_id == key, column.tenant == tenant)
    return connection.execute(query).one()
