"""A worker that was paused until its lease of a batch had ended changes nothing of what the next
one has done. Real databases, real files."""

import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, insert, select, update

from gateway.batch import jobs
from gateway.batch.file import path_of
from gateway.batch.jobs import BatchJobs
from gateway.batch.lines import LineQueue
from gateway.batch.outputs import Outputs, output_keys
from gateway.identity.pseudonyms import Pseudonyms
from gateway.log.schema.batch_tables import batch_results, batches
from tests.support.batches import KEY, fill, jsonl, question
from tests.support.migrating import migrate

TTL = timedelta(days=1)


@pytest.fixture(autouse=True)
def tables(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    migrate(database_url)
    monkeypatch.setattr("gateway.batch.outputs.CHUNK", 2)


class Store:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def files(self) -> list[Path]:
        return [path for path in self.folder.rglob("*") if path.is_file()]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "files")


def lose_lease(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(update(batches).values(fence=batches.c.fence + 1))


@pytest.fixture
def finished(engine: Engine) -> list[str]:
    """A batch whose lines are done, and what came of them."""
    fill(engine, 0, total=6, completed=6, fence=1)
    texts = [f'{{"n":{n}}}' for n in range(6)]
    results = [
        {"batch_id": KEY, "number": n, "custom_id": str(n), "outcome": "completed", "result": text}
        for n, text in enumerate(texts)
    ]
    with engine.begin() as connection:
        connection.execute(insert(batch_results), results)
    return texts


class Paused(Outputs):
    """Is paused in the middle of its first file, until `meanwhile` is done."""

    meanwhile: Any = None

    def _results(self, of: uuid.UUID, which: str) -> Iterator[str]:
        for number, text in enumerate(super()._results(of, which)):
            if number == 3:
                self.meanwhile()
            yield text


def test_the_next_one_s_file_stays_whole(engine: Engine, finished: list[str], store: Store) -> None:
    late, next_one = Paused(engine, store), Outputs(engine, store)  # type: ignore[arg-type]

    def take_over() -> None:
        lose_lease(engine)
        next_one.write(KEY, "acme", 2, TTL)

    late.meanwhile = take_over
    late.write(KEY, "acme", 1, TTL)
    written = path_of(store.folder, output_keys(KEY)["output"])
    assert written.read_text().splitlines() == finished
    assert store.files == [written], "no halves are left"


def test_what_was_read_before_an_erasure_does_not_come_back(
    engine: Engine, finished: list[str], store: Store
) -> None:
    late = Paused(engine, store)  # type: ignore[arg-type]
    late.meanwhile = lambda: lose_lease(engine)  # as an erasure ends it
    late.write(KEY, "acme", 1, TTL)
    assert store.files == []
    with engine.connect() as connection:
        kept = select(func.count()).where(batch_results.c.result.is_not(None))
        assert connection.scalar(kept) == len(finished), "the next one writes them"


def test_a_late_check_puts_no_lines_in_and_takes_none_out(
    engine: Engine, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(engine, 0, status="validating")
    path = path_of(store.folder, KEY)
    path.parent.mkdir(parents=True)
    path.write_bytes(jsonl([question(1, "one"), question(2, "two")]))
    queue = LineQueue(engine, 60)
    late, next_one = (BatchJobs(engine, store, queue, Pseudonyms("p"), -1) for _ in range(2))  # type: ignore[arg-type]
    check, taken_over = jobs.check_file, []

    def erased_and_taken_over(*arguments: Any) -> Any:
        """One line of two is erased, so the next one has fewer."""
        checked = check(*arguments)
        if not taken_over:
            taken_over.append(next_one.claim())
            path.write_bytes(jsonl([question(1, "one")]))
            next_one.do(taken_over[0])
        return checked

    monkeypatch.setattr(jobs, "check_file", erased_and_taken_over)
    job = late.claim()
    assert job is not None
    late.do(job)
    late.do(job)
    assert [line.custom_id for line in queue.take(KEY, 10)] == ["q1"]
    (found,), left = queue.batches()
    assert (found.key, left) == (KEY, 1)
