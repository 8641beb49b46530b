"""Photos that are uploaded again while they are being swept."""

import asyncio
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from contract.images import EncodedImage, ImageFacts
from gateway.identity.callers import Caller
from gateway.identity.pseudonyms import Pseudonyms
from gateway.images.store import PhotoStore
from gateway.images.upload import Upload
from gateway.images.uploads import Uploads
from gateway.log.schema.tables import images
from tests.support.migrating import migrate

FACTS = ImageFacts("a" * 64, "JPEG", 64, 48, 4)
CALLER = Caller("acme")


async def test_who_uploads_it_again_just_then_can_ask_about_it(
    engine: Engine, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate(database_url)
    store = PhotoStore.in_folder(tmp_path / "images")
    here, elsewhere = (Uploads(store, engine, 60, Pseudonyms("p")) for _ in range(2))
    now, loop = datetime.now(UTC), asyncio.get_running_loop()
    image = EncodedImage(b"a jpeg")
    old = await here.add(image, FACTS, CALLER, began_at=now - timedelta(hours=1))
    delete, again = store.delete, list[Upload]()

    def delete_late(keys: Sequence[uuid.UUID]) -> None:
        upload = elsewhere.add(image, FACTS, CALLER, began_at=now)
        again.append(asyncio.run_coroutine_threadsafe(upload, loop).result(10))
        delete(keys)

    monkeypatch.setattr(store, "delete", delete_late)
    assert await here.erase(images.c.expires_at < now) == 1
    (kept,) = again
    assert kept.id != old.id
    assert store.read(kept.key) == image.data
    assert (await here.find(kept.id, CALLER)).expires_at > now
    assert not store.exists(old.key)
    for uploads in (here, elsewhere):
        await uploads.close()
