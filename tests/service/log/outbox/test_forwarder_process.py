"""The forwarder as a process of its own: what becomes of it and its gateway, and what it tells."""

import os
import signal
import socket
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from prometheus_client import CollectorRegistry
from pydantic import SecretStr, ValidationError
from sqlalchemy import create_engine

from contract.process.stopping import GRACE_S, LINES_S, MARGIN_S, THREADS_S
from gateway import forwarding
from gateway.config import Settings
from gateway.log.given_answers import GivenAnswer
from gateway.log.outbox.metrics import OutboxMetrics
from gateway.log.outbox.process import handle
from gateway.log.outbox.process.handle import ForwarderProcess
from gateway.log.outbox.process.messages import ForwarderConnection
from gateway.log.outbox.reconcile import reconcile_log
from gateway.log.outbox.spool_folder import SpoolFolder, spools_in
from tests.service.log.outbox.test_dead_letters import poison
from tests.support.asking import chat, photo, post
from tests.support.erased import erase, hers, row
from tests.support.events import event, ids_of
from tests.support.forwarding import forwarder_of, has_ended, ids, wait_for
from tests.support.migrating import migrate
from tests.support.servers import Server, gateway_process, wait_until
from tests.support.stub_replica import StubReplica

KEY = "a" * 64


@pytest.fixture
def log_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'log.db'}"


@contextmanager
def locked(log_url: str) -> Iterator[None]:
    """The database takes no rows meanwhile."""
    with closing(sqlite3.connect(log_url.removeprefix("sqlite:///"))) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield


def ask(gateway: Server, times: int) -> set[UUID]:
    answers = [post(gateway.url, chat(f"question {n % 3}", photo())) for n in range(times)]
    return {UUID(answer.headers["x-interaction-id"]) for answer in answers}


def metric(gateway: Server, name: str) -> float:
    text = httpx.get(f"http://127.0.0.1:{gateway.port}/metrics").text
    values = [line.rsplit(" ", 1)[1] for line in text.splitlines() if line.startswith(f"{name} ")]
    return float(values[0])


def assert_exact(log_url: str, folder: Path, acknowledged: set[UUID]) -> None:
    engine = create_engine(log_url)

    def recorded() -> bool:
        found = reconcile_log(engine, folder / "spool", acknowledged)
        assert found.exact, found
        return found.recorded == acknowledged

    wait_until("rows", recorded)
    engine.dispose()


def child_of(gateway: Server) -> int:
    wait_until("a forwarder", lambda: forwarder_of(gateway.process.pid) is not None)
    pid = forwarder_of(gateway.process.pid)
    assert pid is not None
    return pid


def test_a_forwarder_that_dies_is_replaced_and_no_row_is_lost_or_doubled(
    stub: StubReplica, log_url: str, tmp_path: Path
) -> None:
    with gateway_process(tmp_path, REPLICAS=stub.url) as gateway:
        asked = ask(gateway, 10)
        first = child_of(gateway)
        with locked(log_url):
            asked |= ask(gateway, 10)
            os.kill(first, signal.SIGKILL)
            wait_until("dead", lambda: has_ended(first))
            asked |= ask(gateway, 10)
        assert_exact(log_url, tmp_path, asked)
        assert child_of(gateway) != first
        wait_until("counted", lambda: metric(gateway, "gateway_log_spool_events") == 0)
        assert metric(gateway, "gateway_log_forwarder_restarts_total") == 1
    assert spools_in(tmp_path / "spool") == []


def test_a_gateway_that_is_killed_leaves_no_forwarder_and_its_spool_to_the_next(
    stub: StubReplica, log_url: str, tmp_path: Path
) -> None:
    with gateway_process(tmp_path, REPLICAS=stub.url) as gateway, locked(log_url):
        asked = ask(gateway, 10)
        child = child_of(gateway)
        gateway.process.kill()
        wait_until("the forwarder has ended", lambda: has_ended(child), 2)
    with gateway_process(tmp_path, REPLICAS=stub.url):
        assert_exact(log_url, tmp_path, asked)


def test_a_gateway_that_is_told_to_stop_has_what_waits_forwarded(
    stub: StubReplica, log_url: str, tmp_path: Path
) -> None:
    with gateway_process(tmp_path, REPLICAS=stub.url) as gateway:
        child = child_of(gateway)
        with locked(log_url):
            asked = ask(gateway, 10)
            # As systemd does and a terminal: to all processes, the forwarder's first.
            for pid, number in ((child, signal.SIGTERM), (child, signal.SIGINT)):
                os.kill(pid, number)
            gateway.process.terminate()
            time.sleep(1)
            assert not has_ended(child)
        assert gateway.process.wait(10) == 0
        assert has_ended(child)
    assert spools_in(tmp_path / "spool") == [], "nothing is left to forward"
    assert_exact(log_url, tmp_path, asked)


def test_metrics_tell_what_the_forwarder_does(
    stub: StubReplica, log_url: str, tmp_path: Path
) -> None:
    bound = {"SPOOL_MAX_BYTES": "1000000"}
    with gateway_process(tmp_path, REPLICAS=stub.url, **bound) as gateway:
        engine = create_engine(log_url)
        stop_refusing = poison(engine)
        ask(gateway, 5)
        post(gateway.url, chat("poison?", photo()))
        wait_until("forwarded", lambda: metric(gateway, "gateway_log_forwarded_total") == 5)
        wait_until("dead", lambda: metric(gateway, "gateway_log_dead_letters_total") == 1)
        assert metric(gateway, "gateway_log_spool_events") == 0
        assert metric(gateway, "gateway_log_spool_bytes") == 0
        assert metric(gateway, "gateway_log_spool_max_bytes") == 1_000_000
        stop_refusing()
        engine.dispose()
        with locked(log_url):
            ask(gateway, 5)
            assert metric(gateway, "gateway_log_spool_events") == 5
            assert metric(gateway, "gateway_log_spool_bytes") > 1_000
            wait_until("lag", lambda: metric(gateway, "gateway_log_lag_seconds") > 1)
        wait_until("forwarded", lambda: metric(gateway, "gateway_log_forwarded_total") == 10)
        wait_until("no lag", lambda: metric(gateway, "gateway_log_lag_seconds") < 1)


class Apart:
    """A forwarder's process, and of its gateway the part that listens to it."""

    def __init__(self, database_url: str, folder: Path, /, **told: Any) -> None:
        """`told`: settings that the forwarder is told in place of those here."""
        self.engine = create_engine(database_url)
        self.closed = False
        self.deletes = True
        self.deleted: list[GivenAnswer] = []
        options = {"database_url": database_url, "spool_dir": folder} | told
        settings = Settings(_env_file=None, **options)
        self.registry = CollectorRegistry()
        self.spool = SpoolFolder(folder, "process").create_spool()
        self.process = ForwarderProcess(
            forwarding.options_of(settings, self.spool),
            forwarding.spawn(),
            forwarding.spawn,
            self.spool,
            OutboxMetrics(self.registry),
            self._delete,
        )
        self.process.start()

    def _delete(self, answers: Sequence[GivenAnswer]) -> bool:
        self.deleted += answers
        return self.deletes

    def pid(self) -> int:
        child = self.process._child
        assert child is not None
        return child.pid

    def close(self) -> None:
        self.closed = True
        self.process.stop(0)
        self.engine.dispose()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Apart]]:
    url = f"sqlite:///{tmp_path / 'log.db'}"
    migrate(url)
    made: list[Apart] = []

    def run(**told: Any) -> Apart:
        made.append(Apart(url, tmp_path / "spool", **told))
        return made[-1]

    yield run
    for apart in made:
        if not apart.closed:
            apart.close()


@pytest.mark.parametrize("refused_first", [False, True])
def test_the_gateway_deletes_the_answer_that_an_erased_person_was_given(
    start: Callable[[], Apart], refused_first: bool
) -> None:
    """It may keep answers in its own memory, which another process cannot reach."""
    apart = start()
    apart.deletes = not refused_first
    text = hers(answer_key=KEY, model_revision="demo")
    erase(apart.engine)
    apart.spool.append([text])
    wait_for(apart.engine, [text])
    assert row(apart.engine, text)["question"] is None
    wait_until("asked", lambda: apart.deleted != [])
    assert apart.deleted[0] == GivenAnswer("demo", "d" * 64, KEY)
    if refused_first:
        assert apart.process.depth == 1, "the event stays, so that it is tried again"
        apart.deletes = True
    wait_until("gone", lambda: apart.process.depth == 0)
    assert apart.registry.get_sample_value("gateway_log_erased_total") == 1


def test_what_is_told_too_late_is_counted_anew(start: Callable[[], Apart]) -> None:
    """Its forwarder is killed after it has removed events, and before it could tell."""
    apart = start()
    events = [event() for _ in range(5)]
    apart.spool.append(events)
    wait_until("gone", lambda: apart.process.depth == 0)
    pid = apart.pid()
    os.kill(pid, signal.SIGSTOP)
    apart.spool.append(more := [event() for _ in range(7)])
    remove(apart, 3)
    assert apart.process.depth == 7
    os.kill(pid, signal.SIGKILL)
    wait_until("counted", lambda: apart.process.depth == 4)
    wait_until("gone", lambda: apart.process.depth == 0)
    assert set(ids(apart.engine)) == set(ids_of([*events, *more[3:]]))


def remove(apart: Apart, count: int) -> None:
    file = apart.spool.folder / "events.db"
    with closing(sqlite3.connect(file, isolation_level=None)) as spool:
        first = "SELECT seq FROM events ORDER BY seq LIMIT ?"
        spool.execute(f"DELETE FROM events WHERE seq IN ({first})", (count,))


def test_a_full_spool_has_no_room_and_a_forwarded_one_has(start: Callable[..., Apart]) -> None:
    apart = start(spool_max_bytes=1_000)
    assert apart.process.has_room
    apart.spool.append([event(question="x" * 2_000)])
    assert not apart.process.has_room
    wait_until("room", lambda: apart.process.has_room)


def test_an_odd_password_reaches_the_forwarder_and_no_log() -> None:
    settings = Settings(
        _env_file=None,  # type: ignore[call-arg]
        database_url="mysql+pymysql://shop@db/shopsight?charset=utf8mb4",
        database_password=SecretStr("p@ss:/%?#"),
    )
    options = forwarding.options_of(settings, None)
    ours, theirs = (ForwarderConnection(end) for end in socket.socketpair())
    ours.start(options, lock=0)
    told = theirs.started()
    assert told is not None
    assert told[0].sqlalchemy_url == settings.sqlalchemy_url
    assert told[0].sqlalchemy_url.password == "p@ss:/%?#"
    assert "p%40ss" not in repr(options)
    os.close(told[1])
    ours.close()
    theirs.close()


def test_how_far_behind_it_is_is_told(
    start: Callable[..., Apart], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handle, "SILENT_S", 1_000)
    apart = start(database_url="mysql+pymysql://root@127.0.0.1:9/shopsight")
    apart.spool.append([event()])
    wait_until("lag", lambda: apart.process.lag_s > 5)


def test_a_forwarder_that_hangs_is_a_lag_and_is_ended_with_its_gateway(
    start: Callable[[], Apart], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handle, "SILENT_S", 1.5)
    monkeypatch.setattr(handle, "STOP_S", 0.2)
    apart = start()
    apart.spool.append(first := [event()])
    wait_for(apart.engine, first)
    # Else it may stop with the spool's lock. The first event has waited for it to start.
    wait_until("removed", lambda: apart.process.depth == 0 and apart.process.lag_s == 0)
    pid = apart.pid()
    os.kill(pid, signal.SIGSTOP)
    apart.spool.append([event()])
    assert apart.process.lag_s < 1.5
    wait_until("lag", lambda: apart.process.lag_s > 1.5)
    lag = apart.registry.get_sample_value("gateway_log_lag_seconds")
    assert lag is not None
    assert lag > 1.5
    apart.close()
    assert has_ended(pid)
    (left,) = SpoolFolder(tmp_path / "spool", "process").adopt_orphans()
    assert left.depth == 1
    left.release()


def test_one_that_hangs_is_killed_before_its_gateway_is(
    start: Callable[[], Apart], monkeypatch: pytest.MonkeyPatch
) -> None:
    apart = start()
    wait_until("started", lambda: apart.process._child is not None)
    os.kill(pid := apart.pid(), signal.SIGSTOP)
    waits: list[float] = []
    join = apart.process._thread.join

    def soon(timeout: float | None = None) -> None:
        waits.append(timeout or 0)
        join(timeout and 0.01)

    monkeypatch.setattr(apart.process._thread, "join", soon)
    apart.closed = True
    apart.process.stop(Settings.model_fields["log_drain_s"].default)
    apart.engine.dispose()
    assert has_ended(pid)
    assert sum(waits) <= GRACE_S - MARGIN_S - THREADS_S - LINES_S


def test_more_time_to_drain_than_a_container_has_to_stop_is_refused() -> None:
    with pytest.raises(ValidationError, match="log_drain_s"):
        Settings(log_drain_s=GRACE_S)
