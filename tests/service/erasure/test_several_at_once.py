"""Several erasures at once: they neither hold up anybody else nor fail by each other."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine, create_engine

from gateway.batch.erasure import BatchErasure
from gateway.cache.answers import AnswerCache
from gateway.cache.memory import MemoryStore
from gateway.cache.retries import MemoryRetryStore, Retries
from gateway.errors import ErasureIncomplete
from gateway.identity.pseudonyms import Pseudonyms
from gateway.images.store import PhotoStore
from gateway.images.uploads import Uploads
from gateway.log.rollups import pending_spans
from gateway.log.rollups import roll_up as rollups
from gateway.log.rollups.roll_up import VISITS, roll_up
from gateway.usecases.erase import WAITING, Erasing

DAY = datetime(2026, 11, 21, 16, tzinfo=UTC)
SHANGHAI = ZoneInfo("Asia/Shanghai")


def add(engine: Engine) -> None:
    with engine.begin() as connection:
        pending_spans.add(connection, VISITS.name, [DAY])


def due(engine: Engine) -> list[datetime]:
    with engine.connect() as connection:
        return pending_spans.newest_first(connection, VISITS.name)


@pytest.fixture
def hung(tmp_path: Path) -> Iterator[Erasing]:
    """Before a database that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"mysql+pymysql://nobody@127.0.0.1:{server.getsockname()[1]}/log"
        engine = create_engine(url, connect_args={"connect_timeout": 2, "read_timeout": 2})
        pseudonyms = Pseudonyms("key")
        uploads = Uploads(PhotoStore.in_folder(tmp_path), engine, 60, pseudonyms)
        answers = AnswerCache(MemoryStore(1000), 60, 60)
        retries = Retries(MemoryRetryStore(), "secret", 30_000)
        batches = BatchErasure(engine, tmp_path, pseudonyms)
        erasing = Erasing(pseudonyms, engine, uploads, batches, answers, tmp_path, None, retries)
        yield erasing
        erasing.close()


@pytest.mark.long
def test_erasures_before_a_hung_database_hold_up_nobody_and_most_are_sent_away(
    hung: Erasing, tmp_path: Path
) -> None:
    (tmp_path / "photo").write_bytes(b"photo")
    began = time.monotonic()

    async def one(number: int) -> float:
        with pytest.raises(ErasureIncomplete):
            await hung.of_user("shop", f"user {number}")
        return time.monotonic() - began

    async def all_of_them() -> tuple[list[float], float]:
        sent = [asyncio.create_task(one(number)) for number in range(40)]
        await asyncio.sleep(0.2)
        assert sum(not task.done() for task in sent) == 1 + WAITING
        begin = time.monotonic()
        # As whoever asks about an upload does.
        assert await asyncio.to_thread((tmp_path / "photo").read_bytes) == b"photo"
        read_s = time.monotonic() - begin
        return await asyncio.gather(*sent), read_s

    took, read_s = asyncio.run(all_of_them())
    assert read_s < 1
    assert sorted(took)[39 - WAITING - 1] < 1
    assert max(took) > 3, "one after the other"


def test_two_that_note_the_same_day_at_once_do_so_without_an_error(
    migrated: str, engine: Engine
) -> None:
    errors: list[BaseException] = []

    def another() -> None:
        try:
            add(engine)
        except BaseException as error:
            errors.append(error)

    with engine.connect() as first:
        pending_spans.add(first, VISITS.name, [DAY])
        second = threading.Thread(target=another)
        second.start()
        second.join(0.3)
        assert second.is_alive(), "it waits"
        first.commit()
        second.join(10)
    assert errors == []
    assert due(engine) == [DAY]
    add(engine)
    assert due(engine) == [DAY]


def test_a_day_that_is_noted_while_it_is_counted_is_counted_again(
    migrated: str, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    roll_up(engine, SHANGHAI)
    add(engine)
    noting = threading.Thread(target=add, args=[engine])
    count = rollups._count

    def counted(*arguments: Any) -> None:
        count(*arguments)
        noting.start()
        noting.join(0.3)

    monkeypatch.setattr(rollups, "_count", counted)
    assert roll_up(engine, SHANGHAI).counted == 1
    noting.join(10)
    assert due(engine) == [DAY]
