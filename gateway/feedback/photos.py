"""Photos for examples to learn from: only what the image store still holds, of uploaders who have
agreed, and nothing in the file but its pixels."""

import uuid
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, select

from contract.errors import ShopsightError
from contract.images import EncodedImage, check_image
from gateway.images.uploads import path_of
from gateway.log.schema.tables import images

# Of the JPEG in which a photo is exported; at 95 no difference is seen at all.
JPEG_QUALITY = 92

Owner = tuple[str, str | None, str]
"""Tenant, session, digest of the pixels."""


class Withheld(Exception):
    """Why there is no photo in an example."""


class StoredPhotos:
    """The uploads of some digests, as they are now."""

    def __init__(self, connection: Connection, folder: Path, digests: Iterable[str]) -> None:
        self._folder = folder
        self._of: dict[Owner, list[Row[Any]]] = defaultdict(list)
        for row in connection.execute(select(images).where(images.c.image_digest.in_(digests))):
            self._of[(row.tenant, row.session_id, row.image_digest)].append(row)

    def jpeg(self, owner: Owner) -> bytes:
        """What the model saw of the asker's own upload, without EXIF: it says where a photo was
        taken. Raises Withheld."""
        now = datetime.now(UTC)
        uploads = [row for row in self._of.get(owner, ()) if row.expires_at > now]
        if not uploads:
            raise Withheld("not in the store")
        if any(row.consent != "improve" for row in uploads):  # of two words the stricter counts
            raise Withheld("no consent")
        return self._read(uploads[0].image_id, owner[2])

    def _read(self, key: uuid.UUID, digest: str) -> bytes:
        try:
            data = path_of(self._folder, key).read_bytes()
        except OSError:
            raise Withheld("not in the store") from None
        try:
            checked = check_image(EncodedImage(data))
        except ShopsightError:
            raise Withheld("damaged") from None
        if checked.facts.digest != digest:
            raise Withheld("damaged")
        made = BytesIO()
        checked.pixels.save(made, "JPEG", quality=JPEG_QUALITY)
        return made.getvalue()
