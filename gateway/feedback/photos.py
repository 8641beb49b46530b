"""Photos for exported examples: only uploads that are still stored and whose uploaders have
consented. The exported file holds the pixels and no metadata."""

import uuid
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

from sqlalchemy import Connection, Row, select

from contract.errors import ShopsightError
from contract.images import EncodedImage, check_image
from gateway.images.store import PhotoStore
from gateway.log.schema.tables import images

# Quality of the exported JPEG. From 95 on no difference can be seen at all.
JPEG_QUALITY = 92

Owner = tuple[str, str | None, str]
"""Tenant, session, digest of the pixels."""


class PhotoWithheld(Exception):
    """An example gets no photo; the message tells why."""


class StoredPhotos:
    """The stored uploads of some photos."""

    def __init__(self, connection: Connection, store: PhotoStore, digests: Iterable[str]) -> None:
        self._store = store
        self._uploads: dict[Owner, list[Row[Any]]] = defaultdict(list)
        for row in connection.execute(select(images).where(images.c.image_digest.in_(digests))):
            self._uploads[(row.tenant, row.session_id, row.image_digest)].append(row)

    def jpeg(self, owner: Owner) -> bytes:
        """The pixels that the model saw, from the asker's own upload. Without EXIF, which may tell
        where a photo was taken. Raises PhotoWithheld, and OSError where the store fails."""
        now = datetime.now(UTC)
        uploads = [row for row in self._uploads.get(owner, ()) if row.expires_at > now]
        if not uploads:
            raise PhotoWithheld("not in the store")
        if any(row.consent != "improve" for row in uploads):  # with two answers the stricter counts
            raise PhotoWithheld("no consent")
        return self._read(uploads[0].image_id, owner[2])

    def _read(self, key: uuid.UUID, digest: str) -> bytes:
        try:
            data = self._store.read(key)
        except FileNotFoundError:
            raise PhotoWithheld("not in the store") from None
        try:
            checked = check_image(EncodedImage(data))
        except ShopsightError:
            raise PhotoWithheld("damaged") from None
        if checked.facts.digest != digest:
            raise PhotoWithheld("damaged")
        output = BytesIO()
        checked.pixels.save(output, "JPEG", quality=JPEG_QUALITY)
        return output.getvalue()
