"""Photos uploaded once and asked about many times: files in a folder that all gateways share, rows
in SQL that say whose they are and until when."""

import asyncio
import contextlib
import logging
import os
import uuid
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, TypeVar

from sqlalchemy import ColumnElement, Engine, delete, insert, select
from sqlalchemy.exc import SQLAlchemyError
from uuid6 import uuid7

from contract.errors import ImageNotFound, ImageStoreUnavailable
from contract.images import EncodedImage, ImageFacts
from gateway.identity.callers import Caller
from gateway.identity.pseudonyms import Pseudonyms
from gateway.images.strip import without_metadata
from gateway.log import tombstones
from gateway.log.schema.tables import images

log = logging.getLogger(__name__)

PREFIX = "img_"
# About 600 bytes an entry. What is not remembered costs one SELECT.
REMEMBERED_UPLOADS = 10_000
SWEEP_S = 600
SWEEP_ROWS = 1000

R = TypeVar("R")

Consent = Literal["improve"]
"""What else its uploader lets a photo be used for: examples for a better model."""


@dataclass(frozen=True)
class Upload:
    id: str
    facts: ImageFacts
    tenant: str
    session: str | None
    """Of the anonymous shopper whose it is; an API key's uploads belong to its tenant."""
    created_at: datetime
    expires_at: datetime
    path: Path
    consent: Consent | None = None
    user_pseudonym: str | None = None
    """Whose it is within the tenant, where the upload said so: for erasure."""

    def belongs_to(self, caller: Caller) -> bool:
        return (self.tenant, self.session) == (caller.tenant, caller.session)

    def wire(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": "image",
            "bytes": self.facts.size_bytes,
            "width": self.facts.width,
            "height": self.facts.height,
            "format": self.facts.format,
            "created_at": int(self.created_at.timestamp()),
            "expires_at": int(self.expires_at.timestamp()),
            "consent": self.consent,
        }

    async def read(self) -> EncodedImage:
        """The file without metadata. Raises ImageNotFound."""
        try:
            data = await asyncio.to_thread(self.path.read_bytes)
        except OSError:
            raise ImageNotFound("image_id") from None
        return EncodedImage(data)


class Uploads:
    def __init__(self, folder: Path, engine: Engine, ttl_s: int, pseudonyms: Pseudonyms) -> None:
        self._pseudonyms = pseudonyms
        self._folder = folder
        self._engine = engine
        self._ttl = timedelta(seconds=ttl_s)
        self._known: OrderedDict[str, Upload] = OrderedDict()
        self._sweeping: asyncio.Task[None] | None = None
        # Of its own: a database that hangs must not keep files, or anybody else, waiting.
        self._sql = ThreadPoolExecutor(4, thread_name_prefix="uploads")

    def start(self) -> None:
        self._sweeping = asyncio.create_task(self._sweep_forever())

    async def close(self) -> None:
        if self._sweeping is not None:
            self._sweeping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._sweeping
        self._sql.shutdown(wait=False, cancel_futures=True)

    async def add(
        self,
        image: EncodedImage,
        facts: ImageFacts,
        caller: Caller,
        consent: Consent | None = None,
        *,
        began_at: datetime,
    ) -> Upload:
        """Keep a checked photo, of a request of that time. Raises ImageStoreUnavailable."""
        key = uuid.UUID(int=uuid7().int)
        upload = Upload(
            PREFIX + key.hex,
            facts,
            caller.tenant,
            caller.session,
            began_at,
            datetime.now(UTC) + self._ttl,
            path_of(self._folder, key),
            consent,
            self._pseudonyms.of(caller.tenant, caller.user) if caller.user else None,
        )
        try:
            await self._in_thread(self._keep, key, upload, image)
            # Whoever was erased while the photo was on its way: of before, it goes as well.
            erased = await self._in_thread(self._is_erased, upload)
            if erased:
                await self.erase(images.c.image_id == key)
        except (OSError, SQLAlchemyError) as error:
            log.error("upload not kept", extra={"fields": {"why": type(error).__name__}})
            raise ImageStoreUnavailable from None
        if not erased:
            self._remember(upload)
        return upload

    async def find(self, name: str, caller: Caller) -> Upload:
        """The caller's own upload. Raises ImageNotFound, the same for one that is another's."""
        upload = self._known.get(name)
        if upload is None:
            try:
                upload = await self._in_thread(self._select, name)
            except SQLAlchemyError:
                raise ImageStoreUnavailable from None
            if upload is not None:
                self._remember(upload)
        if upload is None or datetime.now(UTC) >= upload.expires_at:
            raise ImageNotFound("image_id")
        if not upload.belongs_to(caller):
            raise ImageNotFound("image_id")
        return upload

    async def _in_thread(self, call: Callable[..., R], *arguments: Any) -> R:
        return await asyncio.get_running_loop().run_in_executor(self._sql, call, *arguments)

    def _remember(self, upload: Upload) -> None:
        self._known[upload.id] = upload
        if len(self._known) > REMEMBERED_UPLOADS:
            self._known.popitem(last=False)

    def _keep(self, key: uuid.UUID, upload: Upload, image: EncodedImage) -> None:
        upload.path.parent.mkdir(parents=True, exist_ok=True)
        half = upload.path.with_suffix(".part")
        try:
            half.write_bytes(without_metadata(image.data, upload.facts))
            os.replace(half, upload.path)  # never half a file under the final name
            self._insert(key, upload)
        except BaseException:
            # Should the row be in all the same, its file is gone: asked about, it is not found.
            half.unlink(missing_ok=True)
            upload.path.unlink(missing_ok=True)
            raise

    def _insert(self, key: uuid.UUID, upload: Upload) -> None:
        facts = upload.facts
        row: dict[str, Any] = {
            "image_id": key,
            "tenant": upload.tenant,
            "session_id": upload.session,
            "user_pseudonym": upload.user_pseudonym,
            "image_digest": facts.digest,
            "image_format": facts.format,
            "image_width": facts.width,
            "image_height": facts.height,
            "image_bytes": facts.size_bytes,
            "created_at": upload.created_at,
            "expires_at": upload.expires_at,
            "consent": upload.consent,
        }
        with self._engine.begin() as connection:
            connection.execute(insert(images), row)

    def _is_erased(self, upload: Upload) -> bool:
        """Once its row is committed: an erasure that is not seen here sees the row."""
        whose = {"user_pseudonym": upload.user_pseudonym, "session_id": upload.session}
        request = {"tenant": upload.tenant, "asked_at": upload.created_at.isoformat(), **whose}
        with self._engine.connect() as connection:
            return tombstones.read_since(connection, upload.created_at).cover(request)

    def _select(self, name: str) -> Upload | None:
        key = uuid.UUID(name.removeprefix(PREFIX))
        with self._engine.connect() as connection:
            row = connection.execute(select(images).where(images.c.image_id == key)).first()
        if row is None:
            return None
        facts = ImageFacts(
            row.image_digest, row.image_format, row.image_width, row.image_height, row.image_bytes
        )
        whose = row.tenant, row.session_id
        path = path_of(self._folder, key)
        return Upload(name, facts, *whose, row.created_at, row.expires_at, path, row.consent)

    async def _sweep_forever(self) -> None:
        while True:
            try:
                while await self._in_thread(self._sweep) == SWEEP_ROWS:
                    pass
            except (OSError, SQLAlchemyError) as error:
                log.warning("sweep failed", extra={"fields": {"why": type(error).__name__}})
            await asyncio.sleep(SWEEP_S)

    def _sweep(self) -> int:
        return self._delete(images.c.expires_at < datetime.now(UTC))

    async def erase(self, which: ColumnElement[bool]) -> int:
        """Delete uploads before their time. Raises OSError, SQLAlchemyError."""
        erased = 0
        while (deleted := await self._in_thread(self._delete, which)) > 0:
            erased += deleted
        return erased

    def _delete(self, which: ColumnElement[bool]) -> int:
        """The file first: a row without a file says where one was."""
        with self._engine.connect() as connection:
            query = select(images.c.image_id).where(which).limit(SWEEP_ROWS)
            keys = list(connection.execute(query).scalars())
        for key in keys:
            path_of(self._folder, key).unlink(missing_ok=True)
            self._known.pop(PREFIX + key.hex, None)
        if keys:
            with self._engine.begin() as connection:
                connection.execute(delete(images).where(images.c.image_id.in_(keys)))
        return len(keys)


def path_of(folder: Path, key: uuid.UUID) -> Path:
    """The file of an upload."""
    # The last digits are random: a flat folder of a million files is slow to list.
    return folder / key.hex[-2:] / key.hex
