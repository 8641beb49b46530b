"""The photo behind a digest of the log, for those who may look at the log: while it is kept, and
where whoever uploaded it has consented to its use."""

from collections import defaultdict
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import Engine, Row, select

from gateway.images.store import PhotoStore
from gateway.log.schema.tables import images

Why = Literal["not kept", "no consent"]


class PhotoNotShown(Exception):
    def __init__(self, why: Why) -> None:
        super().__init__(why)
        self.why: Why = why


def consented_photo(
    engine: Engine, store: PhotoStore, tenant: str, digest: str
) -> tuple[bytes, str]:
    """File and format (`JPEG`). One person's consent is enough for one's own upload of it; of two
    answers of one person the stricter counts. Raises PhotoNotShown, OSError, SQLAlchemyError."""
    column = images.c
    query = select(images).where(
        column.tenant == tenant,
        column.image_digest == digest,
        column.expires_at > datetime.now(UTC),
    )
    by_owner: dict[tuple[Any, Any], list[Row[Any]]] = defaultdict(list)
    with engine.connect() as connection:
        for row in connection.execute(query):
            by_owner[row.session_id, row.user_pseudonym].append(row)
    willing = [
        row
        for uploads in by_owner.values()
        if all(upload.consent == "improve" for upload in uploads)
        for row in uploads
    ]
    for row in willing:
        try:
            return store.read(row.image_id), row.image_format
        except FileNotFoundError:  # just swept, or lost
            continue
    raise PhotoNotShown("no consent" if by_owner and not willing else "not kept")
