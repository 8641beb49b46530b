"""Photos uploaded once and asked about many times: files in a store that all gateways share, rows
in SQL that say whose they are and until when."""

import asyncio
import contextlib
import logging
import threading
import uuid
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Engine, Row, delete, update
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from uuid6 import uuid7

from contract.errors import ImageNotFound
from contract.images import EncodedImage, ImageFacts
from gateway.errors import ImageStoreUnavailable
from gateway.identity.callers import Caller
from gateway.identity.pseudonyms import Pseudonyms
from gateway.images import rows
from gateway.images.consented import consented_photo
from gateway.images.quota import Quota
from gateway.images.sql import PausingDatabase
from gateway.images.store import PhotoStore
from gateway.images.upload import PREFIX, Consent, Upload
from gateway.log import tombstones
from gateway.log.schema.tables import images

log = logging.getLogger(__name__)

# About 600 bytes an entry. What is not remembered costs one SELECT.
REMEMBERED_UPLOADS = 10_000
SWEEP_S = 600
SWEEP_ROWS = 1000

R = TypeVar("R")


class Uploads:
    def __init__(
        self,
        store: PhotoStore,
        engine: Engine,
        ttl_s: int,
        pseudonyms: Pseudonyms,
        quota: Quota | None = None,
    ) -> None:
        self._pseudonyms = pseudonyms
        self._quota = quota
        self._counting = threading.Lock()
        self._store = store
        self._engine = engine
        self._database = PausingDatabase(engine)
        self._ttl = timedelta(seconds=ttl_s)
        self._known: OrderedDict[str, Upload] = OrderedDict()
        self._sweeping: asyncio.Task[None] | None = None
        # Of its own: a database that hangs must not keep anybody else waiting. Nor must a store
        # that hangs keep those who ask about a photo, for which the database is enough.
        self._sql = ThreadPoolExecutor(4, thread_name_prefix="uploads")
        self._storing = ThreadPoolExecutor(4, thread_name_prefix="storing")

    def start(self) -> None:
        self._sweeping = asyncio.create_task(self._sweep_forever())

    async def close(self) -> None:
        if self._sweeping is not None:
            self._sweeping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._sweeping
        for threads in (self._sql, self._storing):
            threads.shutdown(wait=False, cancel_futures=True)

    async def add(
        self,
        image: EncodedImage,
        facts: ImageFacts,
        caller: Caller,
        consent: Consent | None = None,
        *,
        began_at: datetime,
    ) -> Upload:
        """Keep a checked photo without metadata, of a request of that time. Raises
        ImageStoreUnavailable, and StorageFull."""
        key = uuid.UUID(int=uuid7().int)
        whose = caller.tenant, caller.session, began_at, began_at + self._ttl
        user = self._pseudonyms.of(caller.tenant, caller.user) if caller.user else None
        upload = Upload(PREFIX + key.hex, facts, *whose, self._store, consent, user)
        try:
            # In one thread: whoever left, or had no time left, is looked for among the erased, too.
            kept = await self._storing_thread(self._keep_unless_erased, key, upload, image, caller)
        except (OSError, SQLAlchemyError) as error:
            log.error("upload not kept", extra={"fields": {"why": type(error).__name__}})
            raise ImageStoreUnavailable from None
        if kept is not None:
            self._remember(kept)
        return kept or upload

    async def find(self, name: str, caller: Caller) -> Upload:
        """The caller's own upload. Raises ImageNotFound, the same for one that is another's."""
        upload, now = self._known.get(name), datetime.now(UTC)
        if upload is None or now >= upload.expires_at:  # another gateway may have renewed it
            try:
                upload = await self._in_thread(self._select, name)
            except SQLAlchemyError:
                raise ImageStoreUnavailable from None
            if upload is not None:
                self._remember(upload)
        if upload is None or now >= upload.expires_at or not upload.belongs_to(caller):
            raise ImageNotFound("image_id")
        return upload

    async def consented(self, tenant: str, digest: str) -> tuple[bytes, str]:
        """File and format of a photo of the log. Raises PhotoNotShown, ImageStoreUnavailable."""
        try:
            return await self._storing_thread(
                consented_photo, self._engine, self._store, tenant, digest
            )
        except (OSError, SQLAlchemyError):
            raise ImageStoreUnavailable from None

    async def of_photo(self, tenant: str, digest: str) -> Upload | None:
        """Anybody's upload of a photo, for what no person asks. None: none is kept. Raises
        ImageStoreUnavailable."""
        try:
            return await self._in_thread(self._select_photo, tenant, digest)
        except SQLAlchemyError:
            raise ImageStoreUnavailable from None

    async def _in_thread(self, call: Callable[..., R], *arguments: Any) -> R:
        return await asyncio.get_running_loop().run_in_executor(self._sql, call, *arguments)

    async def _storing_thread(self, call: Callable[..., R], *arguments: Any) -> R:
        return await asyncio.get_running_loop().run_in_executor(self._storing, call, *arguments)

    def _remember(self, upload: Upload) -> None:
        self._known[upload.id] = upload
        if len(self._known) > REMEMBERED_UPLOADS:
            self._known.popitem(last=False)

    def _keep_unless_erased(
        self, key: uuid.UUID, upload: Upload, image: EncodedImage, caller: Caller
    ) -> Upload | None:
        kept = self._keep(key, upload, image, caller)
        # Whoever was erased while the photo was on its way: of before, it goes as well.
        if not self._is_erased(kept):
            return kept
        self._delete(images.c.image_id == kept.key)
        self._store.delete([kept.key])  # should the erasure have taken the row before the file
        return None

    def _keep(self, key: uuid.UUID, upload: Upload, image: EncodedImage, caller: Caller) -> Upload:
        """The upload as it is kept: an earlier one of the same photo and owner, or this one."""
        whose = upload.tenant, upload.session, upload.user_pseudonym
        digest = rows.owner_digest(*whose, upload.facts.digest)
        while True:
            with self._database.begin() as connection:
                row = rows.renew(
                    connection, digest, upload.created_at, upload.expires_at, upload.consent
                )
            if row is not None:
                kept = self._of_row(row)
                if not self._store.exists(kept.key):  # lost, or another one is just writing it
                    self._store.write(kept.key, image.data)
                return kept
            if self._quota is not None:
                self._quota.need_disk()
            try:
                # One at a time, so that what is counted is what is there.
                with self._counting, self._database.begin() as connection:
                    if self._quota is not None:
                        self._quota.check(connection, caller, upload.facts.size_bytes)
                    rows.add(connection, key, digest, **upload.columns())
            except IntegrityError:  # another one was faster
                continue
            # The row first: a file without one would be kept for ever.
            try:
                self._store.write(key, image.data)
            except OSError:
                self._give_up(upload)
                raise
            return upload

    def _give_up(self, upload: Upload) -> None:
        """The store may have the file, whatever it said: the sweep takes it with the row. Not if
        the same photo was uploaded again meanwhile. Raises SQLAlchemyError."""
        is_it = images.c.image_id == upload.key, images.c.created_at == upload.created_at
        with self._engine.begin() as connection:
            connection.execute(update(images).where(*is_it).values(expires_at=upload.created_at))

    def _is_erased(self, upload: Upload) -> bool:
        """Once its row is committed: an erasure that is not seen here sees the row."""
        whose = {"user_pseudonym": upload.user_pseudonym, "session_id": upload.session}
        request = {"tenant": upload.tenant, "asked_at": upload.created_at.isoformat(), **whose}
        with self._engine.connect() as connection:
            return tombstones.read_since(connection, upload.created_at).cover(request)

    def _select(self, name: str) -> Upload | None:
        with self._database.begin() as connection:
            row = rows.of(connection, uuid.UUID(name.removeprefix(PREFIX)))
        return self._of_row(row) if row is not None else None

    def _select_photo(self, tenant: str, digest: str) -> Upload | None:
        with self._database.begin() as connection:
            row = rows.of_photo(connection, tenant, digest, datetime.now(UTC))
        return self._of_row(row) if row is not None else None

    def _of_row(self, row: Row[Any]) -> Upload:
        facts = ImageFacts(
            row.image_digest, row.image_format, row.image_width, row.image_height, row.image_bytes
        )
        whose = row.tenant, row.session_id, row.created_at, row.expires_at
        name = PREFIX + row.image_id.hex
        return Upload(name, facts, *whose, self._store, row.consent, row.user_pseudonym)

    async def _sweep_forever(self) -> None:
        while True:
            try:
                while await self._storing_thread(self._sweep) == SWEEP_ROWS:
                    pass
            except (OSError, SQLAlchemyError) as error:
                log.warning("sweep failed", extra={"fields": {"why": type(error).__name__}})
            await asyncio.sleep(SWEEP_S)

    def _sweep(self) -> int:
        return self._delete(images.c.expires_at < datetime.now(UTC))

    async def erase(self, which: ColumnElement[bool]) -> int:
        """Delete uploads before their time. Raises OSError, SQLAlchemyError."""
        erased = 0
        while (deleted := await self._storing_thread(self._delete, which)) > 0:
            erased += deleted
        return erased

    def _delete(self, which: ColumnElement[bool]) -> int:
        """The file first: a row without a file says where one was."""
        with self._engine.begin() as connection:
            keys = rows.take(connection, which, SWEEP_ROWS)
        for key in keys:
            self._known.pop(PREFIX + key.hex, None)
        if keys:
            self._store.delete(keys)
            with self._engine.begin() as connection:
                connection.execute(delete(images).where(images.c.image_id.in_(keys)))
        return len(keys)
