"""Exports voted questions with their answers, in the format for fine-tuning chat models."""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Engine, Row, select

from contract.images import EncodedImage
from gateway.feedback.photos import PhotoWithheld, StoredPhotos
from gateway.identity.scopes import ASK
from gateway.images.store import PhotoStore
from gateway.log.masking import masked
from gateway.log.schema.tables import feedback, interactions

# Votes of one page; their photos are looked up together.
PAGE_ROWS = 200

SavePhoto = Callable[[str, bytes], str]
"""Digest and JPEG of a photo → its URL in the example."""


def inline(digest: str, jpeg: bytes) -> str:
    """The photo as a data URI."""
    return EncodedImage(jpeg).data_uri


def files_in(folder: Path, relative_to: Path) -> SavePhoto:
    """Save photos as files in `folder`, each photo once. URLs are relative to `relative_to`."""

    def save(digest: str, jpeg: bytes) -> str:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{digest}.jpg"
        path.write_bytes(jpeg)
        return os.path.relpath(path, relative_to)

    return save


class Examples:
    """`coverage` counts what became of each vote. It is complete once `read` is exhausted."""

    def __init__(self, engine: Engine, store: PhotoStore, save: SavePhoto) -> None:
        self._engine = engine
        self._store = store
        self._save = save
        self.coverage: Counter[str] = Counter()

    def read(self, tenant: str | None, since: datetime | None) -> Iterator[dict[str, Any]]:
        """The examples, in the order of their questions."""
        wanted = _wanted(tenant, since)
        last = None
        while True:
            with self._engine.connect() as connection:
                page = connection.execute(_page(wanted, last)).all()
                digests = {row.image_digest for row in page if row.image_digest}
                photos = StoredPhotos(connection, self._store, digests)
            for row in page:
                if example := self._example(row, photos):
                    yield example
            if len(page) < PAGE_ROWS:
                return
            last = page[-1].interaction_id

    def _example(self, row: Row[Any], photos: StoredPhotos) -> dict[str, Any] | None:
        self.coverage["voted"] += 1
        if not row.question or not row.answer:
            self.coverage["left out: text no longer kept"] += 1
            return None
        if row.finish_reason == "content_filter" or row.moderation:
            self.coverage["left out: withheld by the content rules"] += 1
            return None
        url, photo_status = self._photo(row, photos)
        self.coverage[f"photo: {photo_status}"] += 1
        content: list[dict[str, Any]] = [{"type": "text", "text": masked(row.question)}]
        if url is not None:
            content.insert(0, {"type": "image_url", "image_url": {"url": url}})
        return {
            "messages": [
                {"role": "user", "content": content},
                {"role": "assistant", "content": masked(row.answer)},
            ],
            "vote": row.vote,
            "reason": None if row.reason is None else masked(row.reason),
            "photo": photo_status,
            "model_revision": row.model_revision,
            "language": row.language,
            "asked_at": row.asked_at.isoformat(timespec="seconds"),
            "interaction_id": str(row.interaction_id),
        }

    def _photo(self, row: Row[Any], photos: StoredPhotos) -> tuple[str | None, str]:
        """The photo's URL, and `attached` or the reason why there is none."""
        if row.image_digest is None:
            return None, "none asked about"
        try:
            jpeg = photos.jpeg((row.tenant, row.session_id, row.image_digest))
        except PhotoWithheld as why:
            return None, str(why)
        return self._save(row.image_digest, jpeg), "attached"


def _wanted(tenant: str | None, since: datetime | None) -> list[ColumnElement[bool]]:
    """Which votes are exported. Erased persons need no condition: their votes and the content of
    their interactions are gone."""
    wanted: list[ColumnElement[bool]] = [
        feedback.c.tenant == interactions.c.tenant,
        interactions.c.kind == ASK,  # cards and matches are no conversations
    ]
    if tenant is not None:
        wanted.append(interactions.c.tenant == tenant)
    if since is not None:
        wanted.append(interactions.c.asked_at >= since)
    return wanted


def _page(wanted: list[ColumnElement[bool]], last: Any) -> Any:
    key = interactions.c.interaction_id
    query = (
        select(interactions, feedback.c.vote, feedback.c.reason)
        .join(feedback, feedback.c.interaction_id == key)
        .where(*wanted)
        .order_by(key)
        .limit(PAGE_ROWS)
    )
    return query if last is None else query.where(key > last)
