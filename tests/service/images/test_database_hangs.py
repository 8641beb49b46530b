"""Uploads while the database hangs or fails: nobody waits for longer than a request may take."""

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import create_engine, select
from sqlalchemy.exc import IntegrityError, OperationalError

from contract.images import EncodedImage, ImageFacts
from gateway.errors import ImageStoreUnavailable
from gateway.identity.callers import Caller
from gateway.identity.pseudonyms import Pseudonyms
from gateway.images import rows, sql
from gateway.images.sql import DatabasePausedError, PausingDatabase
from gateway.images.store import PhotoStore
from gateway.images.uploads import Uploads
from tests.support.asking import photo
from tests.support.stub_replica import StubReplica

FACTS = ImageFacts("a" * 64, "JPEG", 64, 48, 4)
PHOTO = EncodedImage(b"a jpeg")


@pytest.fixture
def released() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def test_an_upload_ends_with_its_deadline(
    start_gateway: Callable[..., str],
    stub: StubReplica,
    released: threading.Event,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gateway = start_gateway(replicas=stub.url, deadline_ms=1500)
    monkeypatch.setattr(rows, "renew", lambda *_: released.wait())
    answer = httpx.post(f"{gateway}/v1/images", content=photo(), timeout=60)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "image_store_unavailable")
    assert not released.is_set()


async def test_while_it_has_just_failed_it_is_not_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sql, "PAUSE_S", 3600.0)
    engine = create_engine(f"sqlite:///{tmp_path / 'log.db'}")
    uploads = Uploads(PhotoStore.in_folder(tmp_path / "images"), engine, 60, Pseudonyms("p"))
    asked = []

    def renew(*arguments: Any) -> None:
        asked.append(arguments)
        raise OperationalError("UPDATE", {}, Exception("locked"))

    monkeypatch.setattr(rows, "renew", renew)
    for _ in range(3):
        with pytest.raises(ImageStoreUnavailable):
            await uploads.add(PHOTO, FACTS, Caller("acme"), began_at=datetime.now(UTC))
    with pytest.raises(ImageStoreUnavailable):
        await uploads.find("img_" + "0" * 32, Caller("acme"))
    assert len(asked) == 1
    await uploads.close()
    engine.dispose()


def test_a_row_that_is_there_already_is_no_failure() -> None:
    engine = create_engine("sqlite://")
    database = PausingDatabase(engine)
    with pytest.raises(IntegrityError), database.begin():
        raise IntegrityError("INSERT", {}, Exception("there already"))
    with database.begin() as connection:
        assert connection.scalar(select(1)) == 1
    with pytest.raises(OperationalError), database.begin():
        raise OperationalError("INSERT", {}, Exception("gone"))
    with pytest.raises(DatabasePausedError), database.begin():
        pass
    engine.dispose()
