"""What a worker does when things go wrong: replicas away, kill -9, keys revoked, limits reached, a
batch cancelled or too old. Real databases, real processes."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from openai import OpenAI
from sqlalchemy import create_engine, func, select, update

from contract.errors import InternalError
from gateway.access.key_table import revoke_key
from gateway.batch.file import path_of
from gateway.errors import FileNotFound
from gateway.identity.keys import hash_key
from gateway.log.schema.batch_tables import batch_lines, batch_results, batches, files
from tests.support.asking import chat, post, rows, text_of
from tests.support.batches import (
    Worker,
    ended,
    new_key,
    question,
    results,
    send,
    settings_of,
    shop,
    worker,
)
from tests.support.limits import ROOMY
from tests.support.servers import running, wait_until
from tests.support.stub_replica import StubReplica, stub_replica

Start = Callable[..., str]
# Says nothing about a database.
ON_ONE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


class Lane:
    """A gateway that takes batches and no worker, until one is started."""

    def __init__(self, url: str, key: str, stack: ExitStack, folder: Path, known: Any) -> None:
        self.url, self.key, self.client = url, key, shop(url, key)
        self._stack, self._folder, self._known = stack, folder, known
        self.database_url: str = known["database_url"]

    def work(self, **settings: Any) -> Worker:
        return self._stack.enter_context(worker(self._folder, **{**self._known, **settings}))

    def another(self, tenant: str) -> OpenAI:
        """With a key that is in force, which takes the gateway a second."""
        key = new_key(self.database_url, tenant)
        headers = {"authorization": f"Bearer {key}"}
        at = f"{self.url}/v1/batches"
        wait_until("the key", lambda: httpx.get(at, headers=headers).status_code == 200)
        return shop(self.url, key)

    def sql(self, query: Any) -> list[Any]:
        engine = create_engine(self.database_url)
        with engine.begin() as connection:
            found = connection.execute(query)
            told = list(found) if found.returns_rows else []
        engine.dispose()
        return told


@pytest.fixture
def lane(
    start_gateway: Start, stub: StubReplica, database_url: str, tmp_path: Path
) -> Iterator[Lane]:
    key = new_key(database_url, "acme")
    known = settings_of(tmp_path, database_url, stub.url)
    with ExitStack() as stack:
        # With an SQLite file the gateway would work by itself.
        yield Lane(start_gateway(**known, batch_concurrency=0), key, stack, tmp_path, known)


def counts(client: OpenAI, name: str) -> tuple[int, int, int]:
    found = client.batches.retrieve(name).request_counts
    assert found is not None
    return found.total, found.completed, found.failed


def numbered(count: int) -> list[dict[str, Any]]:
    return [question(n, f"question {n}") for n in range(count)]


@ON_ONE
def test_a_busy_pool_is_waited_for(lane: Lane, stub: StubReplica) -> None:
    stub.behaviour = "503"
    at_work = lane.work()
    batch = send(lane.client, numbered(3))
    wait_until("a pause", lambda: at_work.count("batch_line_retries_total", status="503") > 0)
    assert counts(lane.client, batch.id) == (3, 0, 0)
    stub.behaviour = "answer"
    batch = ended(lane.client, batch)
    assert batch.status == "completed"
    assert counts(lane.client, batch.id) == (3, 3, 0)
    (tries,) = {row[0] for row in lane.sql(select(func.count()).select_from(batch_lines))}
    assert tries == 0


@ON_ONE
def test_no_replica_at_all_is_waited_for_without_asking(lane: Lane, stub: StubReplica) -> None:
    at_work = lane.work()
    assert ended(lane.client, send(lane.client, numbered(1))).status == "completed"
    stub.ready = False
    wait_until("that it is seen", lambda: not at_work.parts.pool.ready)
    batch = send(lane.client, [question(9, "another")])
    wait_until("its line", lambda: counts(lane.client, batch.id)[0] == 1)
    time.sleep(0.5)
    assert counts(lane.client, batch.id)[1:] == (0, 0)
    stub.ready = True
    assert ended(lane.client, batch).status == "completed"
    tries = [row for row in rows(lane.database_url) if row["kind"] == "batch line"]
    assert len(tries) == 2, "the log has no row of a try in vain"


@ON_ONE
def test_a_replica_s_failure_is_tried_again_and_not_for_ever(
    lane: Lane, stub: StubReplica, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.batch.line.PAUSES_S", (0.05,))
    stub.behaviour = "cut"
    at_work = lane.work(eject_failures=1_000)
    batch = ended(lane.client, send(lane.client, numbered(1)), 60)
    (failed,) = results(lane.client, batch.error_file_id)
    assert failed["response"]["status_code"] == 502
    assert failed["response"]["body"]["error"]["code"] == "replica_failed"
    assert at_work.count("batch_line_retries_total", status="502") == 4
    assert counts(lane.client, batch.id) == (1, 0, 1)


def test_lines_of_a_killed_worker_are_asked_again(
    lane: Lane, stub: StubReplica, tmp_path: Path
) -> None:
    stub.delay_s = 30
    environment = {
        name.upper(): str(value)
        for name, value in settings_of(tmp_path, lane.database_url, stub.url).items()
    }
    environment |= {**ROOMY, "PHOTO_CHECKS": "", "IMAGE_HELPERS": "1", "WEB_DIR": ""}
    environment |= {"SPOOL_DIR": str(tmp_path / "spool"), "INTERNAL_PORT": "0"}
    command = [sys.executable, "-m", "gateway.cli", "worker"]
    if lane.database_url.startswith("sqlite"):  # on a server both halves, in one process
        command += ["--only", "batch"]
    with running(command, tmp_path / "worker.log", **{**os.environ, **environment}) as process:
        batch = send(lane.client, numbered(3))
        wait_until("lines under way", lambda: len(stub.calls) == 3)
        process.send_signal(signal.SIGKILL)
        process.wait()
    stub.delay_s = 0
    lane.work()
    batch = ended(lane.client, batch)
    assert counts(lane.client, batch.id) == (3, 3, 0)
    found = results(lane.client, batch.output_file_id)
    assert [each["custom_id"] for each in found] == ["q0", "q1", "q2"]
    assert len(stub.calls) == 6, "they were under way, and are computed again"


def test_a_worker_that_is_told_to_stop_gives_its_lines_back_at_once(
    lane: Lane, stub: StubReplica
) -> None:
    stub.delay_s = 30
    first = worker(lane._folder, **{**lane._known, "batch_lease_s": 600.0})
    with first:
        batch = send(lane.client, numbered(3))
        wait_until("lines under way", lambda: len(stub.calls) == 3)
    stub.delay_s = 0
    lane.work()
    assert ended(lane.client, batch).status == "completed"
    assert counts(lane.client, batch.id) == (3, 3, 0)


def test_a_line_that_takes_longer_than_a_lease_is_asked_once(lane: Lane, stub: StubReplica) -> None:
    stub.delay_s = 3.0
    batch = send(lane.client, numbered(1))
    for _ in range(2):
        lane.work(batch_lease_s=0.9)
    assert ended(lane.client, batch).status == "completed"
    assert len(stub.calls) == 1, "its worker has renewed the lease"


@ON_ONE
def test_no_more_lines_than_its_places_are_under_way(lane: Lane, stub: StubReplica) -> None:
    stub.delay_s = 0.3
    batch = send(lane.client, numbered(6))
    at_work = lane.work(batch_concurrency=2)
    wait_until("two", lambda: len(stub.calls) == 2)
    time.sleep(0.15)
    assert len(stub.calls) == 2
    assert at_work.count("batch_lines_under_way") == 2
    assert ended(lane.client, batch).status == "completed"
    assert at_work.count("batch_lines_total", outcome="completed") == 6


def test_a_cancelled_batch_keeps_what_was_done(lane: Lane, stub: StubReplica) -> None:
    stub.delay_s = 0.3
    lane.work(batch_concurrency=1)
    batch = send(lane.client, numbered(20))
    wait_until("some", lambda: counts(lane.client, batch.id)[1] >= 2)
    told = lane.client.batches.cancel(batch.id)
    assert told.status == "cancelling"
    assert lane.client.batches.cancel(batch.id).status in ("cancelling", "cancelled"), "again"
    batch = ended(lane.client, batch)
    assert batch.status == "cancelled"
    assert batch.cancelled_at is not None
    total, completed, failed = counts(lane.client, batch.id)
    assert (total, failed) == (20, 0)
    done = {each["custom_id"] for each in results(lane.client, batch.output_file_id)}
    left = results(lane.client, batch.error_file_id)
    assert 2 <= len(done) == completed < 20, "the line that was under way is among them"
    assert len(done) + len(left) == 20
    assert not done & {each["custom_id"] for each in left}
    assert {each["error"]["code"] for each in left} == {"batch_cancelled"}


@ON_ONE
def test_a_cancelled_batch_does_not_wait_as_long_as_its_lines_may(
    lane: Lane, stub: StubReplica, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.batch.jobs.PATIENCE", timedelta(seconds=1))
    stub.delay_s = 30
    at_work = lane.work(batch_concurrency=1)
    batch = send(lane.client, numbered(2))
    wait_until("a line under way", lambda: stub.calls)
    lane.client.batches.cancel(batch.id)
    begun = time.monotonic()
    batch = ended(lane.client, batch)
    assert 1 < time.monotonic() - begun < 15
    assert batch.status == "cancelled"
    left = results(lane.client, batch.error_file_id)
    assert [each["error"]["code"] for each in left] == ["batch_cancelled"] * 2
    stub.delay_s = 0
    assert ended(lane.client, send(lane.client, numbered(1)), 15).status == "completed"
    assert at_work.count("batch_leases_lost_total") == 1, "nobody waits for its answer"


def test_a_batch_that_nobody_has_checked_can_be_cancelled(lane: Lane) -> None:
    batch = send(lane.client, numbered(2))
    lane.client.batches.cancel(batch.id)
    lane.work()
    batch = ended(lane.client, batch)
    assert (batch.status, batch.output_file_id, batch.error_file_id) == ("cancelled", None, None)


def test_what_is_not_done_in_its_time_has_expired(lane: Lane, stub: StubReplica) -> None:
    stub.delay_s = 0.3
    lane.work(batch_concurrency=1)
    batch = send(lane.client, numbered(20))
    wait_until("some", lambda: counts(lane.client, batch.id)[1] >= 2)
    soon = update(batches).values(expires_at=func.coalesce(batches.c.in_progress_at, None))
    lane.sql(soon)
    batch = ended(lane.client, batch)
    assert batch.status == "expired"
    assert batch.expired_at is not None
    done, left = (
        results(lane.client, name) for name in (batch.output_file_id, batch.error_file_id)
    )
    assert len(done) >= 2
    assert len(done) + len(left) == 20
    assert {each["error"]["code"] for each in left} == {"batch_expired"}


@ON_ONE
def test_a_revoked_key_s_lines_stop(lane: Lane, stub: StubReplica) -> None:
    stub.delay_s = 0.2
    at_work = lane.work(batch_concurrency=1)
    other = lane.another("acme")
    batch = send(lane.client, numbered(40))
    wait_until("some", lambda: at_work.count("batch_lines_total", outcome="completed") >= 2)
    engine = create_engine(lane.database_url)
    revoke_key(engine, hash_key(lane.key)[:12])
    engine.dispose()
    batch = ended(other, batch)
    failed = results(other, batch.error_file_id)
    assert len(failed) > 10
    assert {each["response"]["body"]["error"]["code"] for each in failed} == {"invalid_api_key"}


@ON_ONE
def test_a_shop_s_limit_stops_its_lines_and_nobody_else_s(lane: Lane, stub: StubReplica) -> None:
    rival = lane.another("rival")
    lane.work(batch_limits="tokens_per_day=25 stored_bytes=1e9", batch_concurrency=1)
    batch = send(lane.client, numbered(6))
    other = send(rival, [question(1, "one")])
    assert ended(rival, other).status == "completed"
    wait_until("the limit", lambda: counts(lane.client, batch.id)[1] == 3)
    time.sleep(0.5)
    assert counts(lane.client, batch.id) == (6, 3, 0), "10 tokens a line: the rest waits"
    assert text_of(post(lane.url, chat("live"), authorization=f"Bearer {lane.key}"))


@ON_ONE
@pytest.mark.parametrize("back", [True, False])
def test_lines_of_a_revision_that_is_away_stop_nobody_else_s_and_end(
    lane: Lane, stub: StubReplica, monkeypatch: pytest.MonkeyPatch, back: bool
) -> None:
    monkeypatch.setattr("gateway.batch.line.AWAY_PAUSES_S", (4.0 if back else 0.05,))
    rival = lane.another("rival")
    with stub_replica("stub-2") as away:
        at_work = lane.work(replicas=f"{stub.url},{away.url}")

        def ready() -> int:
            return sum(each.ready for each in at_work.parts.pool.replicas)

        wait_until("both", lambda: ready() == 2)
        away.ready = False
        wait_until("it is away", lambda: ready() == 1)
        named = [question(n, f"question {n}", model="stub-2") for n in range(2)]
        batch = send(lane.client, [*named, question(9, "of any")])
        wait_until("a pause", lambda: at_work.count("batch_line_retries_total", status="503") > 1)
        other = send(rival, [question(1, "one")])
        assert ended(rival, other, 8).status == "completed"
        wait_until("the line of any", lambda: counts(lane.client, batch.id)[1] == 1, 8)
        away.ready = back
        batch = ended(lane.client, batch)
    assert counts(lane.client, batch.id) == ((3, 3, 0) if back else (3, 1, 2))
    failed = results(lane.client, batch.error_file_id)
    codes = [each["response"]["body"]["error"]["code"] for each in failed]
    assert codes == ([] if back else ["no_replica"] * 2)


def test_a_line_that_workers_die_of_is_given_up(lane: Lane, stub: StubReplica) -> None:
    stub.behaviour = "503"
    batch = send(lane.client, [question(7, "deadly"), question(8, "mild")])
    with worker(lane._folder, **lane._known) as first:
        wait_until("its lines", lambda: first.count("batch_line_retries_total", status="503") > 1)
    stub.behaviour = "answer"
    # As five workers leave it that took it and died.
    deadly = batch_lines.c.place == 0
    assert len(lane.sql(select(batch_lines))) == 2
    lane.sql(update(batch_lines).where(deadly).values(tries=5))
    lane.work()
    batch = ended(lane.client, batch)
    (failed,) = results(lane.client, batch.error_file_id)
    assert failed["custom_id"] == "q7"
    assert failed["response"]["body"] == InternalError().body("en")
    (logged,) = (row for row in rows(lane.database_url) if row["error_code"] == "internal_error")
    assert (logged["kind"], logged["outcome"]) == ("batch line", "failed")
    assert logged["request_id"] == failed["response"]["request_id"]
    assert [each["custom_id"] for each in results(lane.client, batch.output_file_id)] == ["q8"]


@ON_ONE
def test_a_file_that_is_deleted_too_soon_fails_its_lines(lane: Lane, stub: StubReplica) -> None:
    stub.delay_s = 0.3
    lane.work(batch_concurrency=1)
    batch = send(lane.client, numbered(8))
    wait_until("some", lambda: counts(lane.client, batch.id)[1] >= 1)
    lane.client.files.delete(batch.input_file_id)
    batch = ended(lane.client, batch)
    failed = results(lane.client, batch.error_file_id)
    told = FileNotFound().body("en")
    assert [each["response"]["body"] for each in failed] == [told] * len(failed)
    logged = [row for row in rows(lane.database_url) if row["kind"] == "batch line"]
    assert len(logged) == 8, "each line has a row"
    refused = {row["request_id"] for row in logged if row["error_code"] == "file_not_found"}
    assert refused == {each["response"]["request_id"] for each in failed}
    assert {row["outcome"] for row in logged} == {"answered", "refused"}
    gone = send(lane.client, numbered(1))
    assert ended(lane.client, gone).status == "completed"


def test_writing_the_end_again_changes_nothing(
    lane: Lane, stub: StubReplica, tmp_path: Path
) -> None:
    lane.work()
    batch = ended(lane.client, send(lane.client, [*numbered(3), question(3, "x", stream=True)]))
    files_of = [results(lane.client, name) for name in (batch.output_file_id, batch.error_file_id)]
    # As if the worker had died before it told that the files are written: it has the results yet.
    again = update(batch_results).values(result='{"custom_id":"new"}')
    lane.sql(again)
    is_it = batches.c.status == "completed"
    lane.sql(update(batches).where(is_it).values(status="finalizing", completed_at=None))
    anew = ended(lane.client, lane.client.batches.retrieve(batch.id))
    assert (anew.output_file_id, anew.error_file_id) == (batch.output_file_id, batch.error_file_id)
    written = [results(lane.client, name) for name in (anew.output_file_id, anew.error_file_id)]
    assert list(map(len, written)) == list(map(len, files_of)) == [3, 1]
    assert {row.result for row in lane.sql(select(batch_results))} == {None}, "kept once, in files"
    assert len(lane.sql(select(files))) == 3


@ON_ONE
def test_a_shopper_does_not_follow_a_line_and_lines_follow_each_other(
    start_gateway: Start, stub: StubReplica, database_url: str, tmp_path: Path
) -> None:
    key = new_key(database_url, "acme")
    url = start_gateway(**settings_of(tmp_path, database_url, stub.url))  # it works itself
    client = shop(url, key)
    stub.delay_s = 1.5
    batch = send(client, [question(n, "the same?") for n in range(4)])
    wait_until("the line", lambda: len(stub.calls) == 1)
    assert text_of(post(url, chat("the same?"), authorization=f"Bearer {key}"))
    assert ended(client, batch).status == "completed"
    priorities = [head.get("x-priority") for head in stub.headers]
    assert sorted(map(str, priorities)) == ["batch", "interactive"]
    caches = [row["cache"] for row in rows(database_url) if row["kind"] == "batch line"]
    assert sorted(caches) == ["joined", "joined", "joined", "miss"]


def test_what_is_old_goes_by_itself(lane: Lane, stub: StubReplica, tmp_path: Path) -> None:
    at_work = lane.work()
    old = ended(lane.client, send(lane.client, numbered(2)))
    young = ended(lane.client, send(lane.client, numbered(1)))
    key = next(row.batch_id for row in lane.sql(select(batches)) if row.total == 2)
    long_ago = update(batches).where(batches.c.batch_id == key)
    lane.sql(long_ago.values(created_at=func.coalesce("2020-01-01 00:00:00.000000", None)))
    expired = files.c.name.contains("batch_") & (files.c.bytes > 0)
    lane.sql(
        update(files).where(expired).values(expires_at=func.coalesce("2020-01-01 00:00:00", None))
    )
    half = tmp_path / "files" / "left.part"
    half.write_bytes(b"x")
    orphan = path_of(tmp_path / "files", key)
    orphan.parent.mkdir(exist_ok=True)
    orphan.write_bytes(b"x")
    for path in (half, orphan):
        os.utime(path, (0, 0))
    at_work.sweep()
    assert (
        httpx.get(
            f"{lane.url}/v1/batches/{old.id}", headers={"authorization": f"Bearer {lane.key}"}
        ).status_code
        == 404
    )
    assert lane.client.batches.retrieve(young.id).id == young.id
    left = [file.purpose for file in lane.client.files.list()]
    assert left == ["batch", "batch"], "outputs have expired, uploads have not"
    on_disk = [path for path in (tmp_path / "files").rglob("*") if path.is_file()]
    assert len(on_disk) == 2
    assert key not in {row.batch_id for row in lane.sql(select(batch_results))}
