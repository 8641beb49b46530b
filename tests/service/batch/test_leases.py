"""The queue of lines on real databases: each line is had by one worker, its result is written once,
whoever dies or is late."""

import json
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, func, select

from gateway.batch.jobs import BatchJobs
from gateway.batch.line import Line
from gateway.batch.lines import LineQueue
from gateway.config import Settings
from gateway.log.schema.batch_tables import batch_lines, batch_results, batches
from gateway.log.schema.database import open_database
from tests.support.batches import KEY, fill
from tests.support.migrating import migrate


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    migrate(database_url)
    made = open_database(Settings(_env_file=None, database_url=database_url))  # type: ignore[call-arg]
    yield made
    made.dispose()


def counted(engine: Engine) -> tuple[int, int, int]:
    """Lines that wait, that have a result, and that the batch counts as completed."""
    with engine.connect() as connection:
        waiting = connection.scalar(select(func.count()).select_from(batch_lines)) or 0
        done = connection.scalar(select(func.count()).select_from(batch_results)) or 0
        return waiting, done, connection.scalar(select(batches.c.completed)) or 0


def finish(queue: LineQueue, line: Line, text: str = "{}") -> bool:
    return queue.finish(line, "completed", text)


def test_many_workers_do_each_line_once(engine: Engine) -> None:
    """Each thread is a worker. Every third line it leaves lying, as who is killed does."""
    fill(engine, 200)
    done: Counter[int] = Counter()
    lock = threading.Lock()

    def work(number: int) -> None:
        queue = LineQueue(engine, 0.3)
        turn = number
        idle_since = time.monotonic()
        while time.monotonic() - idle_since < 1.5:
            try:
                taken = queue.take(KEY, 3)
            except Exception:  # a file that another one writes: the next round
                time.sleep(0.01)
                continue
            for line in taken:
                idle_since = time.monotonic()
                turn += 1
                if turn % 3 == 0 and line.tries < 3:
                    continue
                while True:
                    try:
                        written = finish(queue, line)
                        break
                    except Exception:
                        time.sleep(0.01)
                if written:
                    with lock:
                        done[line.number] += 1
            time.sleep(0.01)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counted(engine) == (0, 200, 200)
    assert set(done.values()) == {1}
    assert set(done) == set(range(1, 201))


def test_who_is_late_writes_nothing(engine: Engine) -> None:
    fill(engine, 1)
    slow, quick = LineQueue(engine, 0.2), LineQueue(engine, 60)
    (late,) = slow.take(KEY, 5)
    assert quick.take(KEY, 5) == [], "it is leased"
    time.sleep(0.4)
    (line,) = quick.take(KEY, 5)
    assert (line.number, line.fence, line.tries) == (late.number, late.fence + 1, 2)
    assert not finish(slow, late, '"late"')
    slow.put_back(late, 0, counts=False)
    assert quick.take(KEY, 5) == [], "nor can it give away what it lost"
    assert slow.renew([late]) == {late}
    assert finish(quick, line, '"right"')
    assert not finish(quick, line, '"twice"')
    with engine.connect() as connection:
        assert [json.loads(r) for r in connection.scalars(select(batch_results.c.result))] == [
            "right"
        ]
    assert counted(engine) == (0, 1, 1)


def test_a_line_may_be_taken_in_the_millisecond_in_which_it_is_put_in(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime.now(UTC)
    monkeypatch.setattr("gateway.batch.lines._now", lambda _: now)
    fill(engine, 2)
    assert [line.number for line in LineQueue(engine, 60).take(KEY, 5)] == [1, 2]


def test_a_lease_that_is_renewed_is_not_lost(engine: Engine) -> None:
    fill(engine, 2)
    mine, other = LineQueue(engine, 0.6), LineQueue(engine, 60)
    held = mine.take(KEY, 1)
    for _ in range(4):
        time.sleep(0.3)
        mine.renew(held)
    assert [line.number for line in other.take(KEY, 5)] == [2]
    assert finish(mine, held[0])


def test_what_is_put_back_comes_again_when_it_is_due(engine: Engine) -> None:
    fill(engine, 2)
    queue = LineQueue(engine, 60)
    first, second = queue.take(KEY, 5)
    queue.put_back(first, 0.4, counts=True)
    queue.put_back(second, 0, counts=False)
    again = queue.take(KEY, 5)
    assert [(line.number, line.tries) for line in again] == [(2, 1)]
    time.sleep(0.5)
    assert [(line.number, line.tries) for line in queue.take(KEY, 5)] == [(1, 2)]


def test_lines_come_in_the_order_of_their_places(engine: Engine) -> None:
    fill(engine, 10)
    queue = LineQueue(engine, 60)
    assert [line.place for _ in range(4) for line in queue.take(KEY, 3)] == list(range(10))


@pytest.mark.parametrize(
    "changes",
    [{"status": "cancelling"}, {"expires_at": datetime.now(UTC) - timedelta(seconds=1)}],
)
def test_a_batch_that_ends_has_no_lines_to_ask(engine: Engine, changes: dict[str, Any]) -> None:
    fill(engine, 3, **changes)
    assert LineQueue(engine, 60).batches() == ([], 0)


def test_a_batch_in_progress_says_how_many_lines_it_has_left(engine: Engine) -> None:
    fill(engine, 3)
    queue = LineQueue(engine, 60)
    finish(queue, queue.take(KEY, 1)[0])
    (found,), left = queue.batches()
    assert (found.key, found.tenant, left) == (KEY, "acme", 2)


def test_a_batch_with_lines_under_way_keeps_no_other_waiting(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime.now(UTC)
    first, expired, young = KEY, uuid.UUID(int=8), uuid.UUID(int=9)
    ended = {"expires_at": now - timedelta(seconds=5)}
    fill(engine, 2, status="cancelling", cancelling_at=now, created_at=now - timedelta(hours=2))
    fill(engine, 2, batch_id=expired, created_at=now - timedelta(hours=1), **ended)
    fill(engine, 0, batch_id=young, status="validating")
    queue = LineQueue(engine, 60)
    lines = [queue.take(key, 1)[0] for key in (first, expired)]
    jobs = BatchJobs(engine, None, queue, None, 0.5)  # type: ignore[arg-type]  # not for claiming
    job = jobs.claim()
    assert job is not None
    assert job.key == young
    assert jobs.claim() is None, "the others wait for their lines"
    queue.put_back(lines[1], 0, counts=False)
    assert (job := jobs.claim()) is not None
    assert job.key == expired
    time.sleep(0.6)
    monkeypatch.setattr("gateway.batch.jobs.PATIENCE", timedelta(seconds=0.1))
    assert (job := jobs.claim()) is not None
    assert job.key == first, "and not for ever"


@pytest.mark.parametrize("database_url", ["mariadb"], indirect=True)
def test_a_server_passes_over_what_another_is_looking_at(engine: Engine) -> None:
    fill(engine, 4)
    like_a_worker = engine.execution_options(isolation_level="READ COMMITTED")
    with like_a_worker.begin() as other:
        line = batch_lines.c
        first = select(batch_lines).where(line.batch_id == KEY, line.place < 2)
        assert len(other.execute(first.with_for_update()).all()) == 2
        begun = time.monotonic()
        assert [each.place for each in LineQueue(engine, 60).take(KEY, 3)] == [2, 3]
        assert time.monotonic() - begun < 1, "it waits for nobody"
