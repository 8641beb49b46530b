"""From the spool into real databases: once each, whatever is sent twice, refused, locked, away."""

import shutil
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import Engine, insert, select, text

from gateway.cli import main
from gateway.config import Settings
from gateway.log.database import open_database
from gateway.log.dead_letters import listed
from gateway.log.delivery import Delivery
from gateway.log.event import Fitted
from gateway.log.forwarder import Forwarder
from gateway.log.metrics import LogMetrics
from gateway.log.reconcile import gather
from gateway.log.spool import MAX_GROUP, Spool, Waiting
from gateway.log.spool_folder import SpoolFolder, spools_in
from gateway.log.tables import interactions
from tests.service.events import event, ids_of
from tests.service.servers import migrate, wait_until

Start = Callable[..., "Running"]


class Running:
    """A forwarder at work on a spool of its own."""

    def __init__(self, database_url: str, folder: Path, own: bool = True) -> None:
        settings = Settings(_env_file=None, database_url=database_url)  # type: ignore[call-arg]
        self.registry = CollectorRegistry()
        self.engine = open_database(settings, answer_timeout_s=10)
        spools = SpoolFolder(folder, "process")
        folder.mkdir(exist_ok=True)
        self.spool = spools.claim() if own else None
        metrics = LogMetrics(self.registry)
        self.forwarder = Forwarder(settings, spools, self.spool, self.engine, metrics)
        self.forwarder.start()

    def append(self, *events: str) -> None:
        assert self.spool is not None
        self.spool.append(events)

    def count(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(f"gateway_log_{name}_total", labels) or 0

    def close(self) -> None:
        self.forwarder.stop(0)
        self.engine.dispose()


# Columns that an event fills; the others are the database's own.
FILLED = [column.name for column in interactions.c if column.server_default is None]


@pytest.fixture
def migrated(database_url: str) -> str:
    migrate(database_url)
    return database_url


@pytest.fixture
def start(migrated: str, tmp_path: Path) -> Iterator[Start]:
    with ExitStack() as stack:

        def run(**options: Any) -> Running:
            running = Running(migrated, tmp_path / "spool", **options)
            stack.callback(running.close)
            return running

        yield run


def ids(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        key = interactions.c.interaction_id
        return [str(found) for found in connection.scalars(select(key).order_by(key))]


def wait_for(engine: Engine, events: list[str], timeout_s: float = 10) -> None:
    wait_until("rows", lambda: set(ids(engine)) >= set(ids_of(events)), timeout_s)


def abandoned(folder: Path, events: list[str]) -> Path:
    """A spool whose owner was killed."""
    spool = SpoolFolder(folder, "process").claim()
    for begin in range(0, len(events), MAX_GROUP):
        spool.append(events[begin : begin + MAX_GROUP])
    spool.release()
    return spool.folder


@pytest.mark.parametrize("unique_key", [True, False])
def test_what_is_sent_again_after_a_kill_is_still_one_row(
    start: Start, engine: Engine, tmp_path: Path, unique_key: bool
) -> None:
    """The copy is what a gateway leaves that was killed after the database's commit and before the
    removal from the spool. Without the unique key the same check fails: it is able to."""
    if not unique_key:
        drop_the_unique_key(engine)
    events = [event() for _ in range(700)]
    folder = abandoned(tmp_path / "spool", events)
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    start(own=False)
    wait_for(engine, events)
    wait_until("removed", lambda: not folder.exists())
    shutil.move(copy, folder)
    wait_until("sent again", lambda: not folder.exists())
    found = gather(engine, tmp_path / "spool", {uuid.UUID(i) for i in ids_of(events)})
    assert found.good is unique_key
    assert len(found.doubled) == (0 if unique_key else 700)


def drop_the_unique_key(engine: Engine) -> None:
    with engine.begin() as connection:
        if engine.dialect.name != "sqlite":
            connection.execute(text("ALTER TABLE interactions DROP PRIMARY KEY"))
            return
        # Else the views that name the table forbid the change of names.
        connection.execute(text("PRAGMA legacy_alter_table=ON"))
        connection.execute(text("CREATE TABLE copy AS SELECT * FROM interactions"))
        connection.execute(text("DROP TABLE interactions"))
        connection.execute(text("ALTER TABLE copy RENAME TO interactions"))


def test_of_a_batch_that_is_half_there_the_other_half_is_added(
    migrated: str, engine: Engine
) -> None:
    events = [event() for _ in range(20)]
    retries: list[str] = []
    delivery = Delivery(engine, retries.append)
    delivery.deliver([Waiting(n, 0, text) for n, text in enumerate(events[::2])])
    # And one that is twice in the batch: refused once by its client's leaving, say.
    batch = [Waiting(n, 0, text) for n, text in enumerate([*events, events[3]])]
    outcome = delivery.deliver(batch)
    assert len(outcome.accepted) == 21
    assert ids(engine) == sorted(ids_of(events))
    assert retries == ["duplicate"]


def test_an_insert_that_a_dead_gateways_connection_still_holds_is_waited_for(
    migrated: str, engine: Engine
) -> None:
    """The server may go on with a transaction for a while after its client has died."""
    if engine.dialect.name == "sqlite":
        pytest.skip("the file is locked as a whole")
    events = [event() for _ in range(3)]
    waiting = [Waiting(n, 0, text) for n, text in enumerate(events)]
    fitted = Fitted.to(interactions, FILLED)
    with engine.connect() as other:
        other.execute(insert(interactions), fitted.row(events[1])[0])
        later = threading.Timer(0.5, other.commit)
        later.start()
        outcome = Delivery(engine, lambda _: None).deliver(waiting)
        later.join()
    assert len(outcome.accepted) == 3
    assert ids(engine) == sorted(ids_of(events))


def test_the_victim_of_a_deadlock_tries_again(migrated: str, engine: Engine) -> None:
    if engine.dialect.name == "sqlite":
        pytest.skip("one writer at a time")
    first, second = event(), event()
    others = [event() for _ in range(200)]  # the one that has written more is not the victim
    fitted = Fitted.to(interactions, FILLED)
    rows = [fitted.row(text)[0] for text in (first, second, *others)]
    retries: list[str] = []
    delivery = Delivery(engine, retries.append)
    done: list[int] = []

    def deliver() -> None:
        outcome = delivery.deliver([Waiting(1, 0, first), Waiting(2, 0, second)])
        done.append(len(outcome.accepted))

    with engine.connect() as other:
        other.execute(insert(interactions), rows[1:])
        thread = threading.Thread(target=deliver)
        thread.start()
        wait_until("it holds the first and waits for the second", lambda: lock_waits(engine) == 1)
        other.execute(insert(interactions), rows[0])  # closes the circle
        other.rollback()
        thread.join()
    assert done == [2]
    assert retries[0] == "conflict"
    assert len(retries) <= 3
    assert ids(engine) == sorted(ids_of([first, second]))


def lock_waits(engine: Engine) -> int:
    time.sleep(0.2)  # the table is a copy, made anew when nobody has read it for 100 ms
    query = "SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'"
    with engine.connect() as connection:
        return int(connection.scalar(text(query)) or 0)


def poison(engine: Engine) -> Callable[[], None]:
    """Make the database refuse questions with this word; answers how to stop that."""
    if engine.dialect.name == "sqlite":
        refuse = "SELECT CASE WHEN NEW.question LIKE '%poison%' THEN RAISE(ABORT, 'bad taste') END;"
    else:
        refuse = "IF NEW.question LIKE '%poison%' THEN"
        refuse += " SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'bad taste'; END IF;"
    trigger = f"CREATE TRIGGER taste BEFORE INSERT ON interactions FOR EACH ROW BEGIN {refuse} END"
    with engine.begin() as connection:
        connection.execute(text(trigger))

    def stop() -> None:
        with engine.begin() as connection:
            connection.execute(text("DROP TRIGGER taste"))

    return stop


def test_what_the_database_refuses_becomes_a_dead_letter_and_holds_up_nothing(
    start: Start, engine: Engine, migrated: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stop_refusing = poison(engine)
    good = [event(question=f"good {n}") for n in range(400)]
    bad = [event(question=f"poison {n}") for n in range(4)]
    mixed = good[:100] + bad[:3] + good[100:] + bad[3:]
    running = start()
    for begin in range(0, len(mixed), 101):
        running.append(*mixed[begin : begin + 101])
    wait_for(engine, good, 5)
    wait_until("dead letters", lambda: len(listed(engine)) == 4)
    assert [letter.reason.partition("bad taste")[1] for letter in listed(engine)] == [
        "bad taste"
    ] * 4
    assert [letter.event for letter in listed(engine)] == sorted(bad, key=ids_of_one)
    assert running.count("dead_letters") == 4
    assert ids(engine) == sorted(ids_of(good))
    wait_until("the spool is empty", lambda: running.forwarder.depth == 0)

    monkeypatch.setenv("DATABASE_URL", migrated)
    monkeypatch.setenv("SPOOL_DIR", str(tmp_path / "spool"))
    assert shopsight("log", "replay") == 1
    assert len(listed(engine)) == 4, "refused again, kept again"
    stop_refusing()
    assert shopsight("log", "replay") == 0
    assert listed(engine) == []
    assert ids(engine) == sorted(ids_of(good + bad))


def ids_of_one(text: str) -> str:
    return ids_of([text])[0]


def shopsight(*arguments: str) -> int:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["shopsight", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
    return int(ended.value.code or 0)


@pytest.mark.parametrize(
    "bad",
    [
        {"answer": "half a pair \ud83d"},
        {"outcome": None},
        {"asked_at": "yesterday"},
        {"interaction_id": "no id"},
    ],
    ids=["surrogate", "null", "time", "id"],
)
def test_an_event_that_cannot_even_be_sent_is_a_dead_letter_too(
    start: Start, engine: Engine, bad: dict[str, Any]
) -> None:
    running = start()
    good = event()
    running.append(event(**bad), good)
    wait_for(engine, [good])
    wait_until("dead letter", lambda: len(listed(engine)) == 1)
    assert ids(engine) == ids_of([good])


def test_a_database_that_takes_nothing_makes_no_dead_letters(
    start: Start, engine: Engine, migrated: str
) -> None:
    """Whatever its words for that: here a code that is not known to be the server's fault."""
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE interactions RENAME TO elsewhere"))
        connection.execute(text("CREATE VIEW interactions AS SELECT * FROM elsewhere LIMIT 1"))
    running = start()
    events = [event() for _ in range(30)]
    running.append(*events)
    wait_until("it was tried", lambda: running.count("retries", reason="server") >= 6)
    assert listed(engine) == []
    with engine.begin() as connection:
        connection.execute(text("DROP VIEW interactions"))
        connection.execute(text("ALTER TABLE elsewhere RENAME TO interactions"))
    wait_for(engine, events)
    assert listed(engine) == []


def test_a_schema_one_step_older_takes_what_it_has_columns_for(
    start: Start, engine: Engine
) -> None:
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE interactions DROP COLUMN look_up_ms"))
    running = start()
    old = event(look_up_ms=1.5)
    running.append(old)
    wait_for(engine, [old])
    wait_until("counted", lambda: running.count("fields_left_out", fields="look_up_ms") == 1)


def test_a_schema_that_loses_a_column_under_way_is_looked_at_again(
    start: Start, engine: Engine
) -> None:
    running = start()
    before, after = event(look_up_ms=1.5), event(look_up_ms=1.5)
    running.append(before)
    wait_for(engine, [before])
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE interactions DROP COLUMN look_up_ms"))
    running.append(after)
    wait_for(engine, [after])
    assert listed(engine) == []


def test_a_newer_gateways_event_goes_whole_into_a_newer_schema(
    start: Start, engine: Engine
) -> None:
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE interactions ADD COLUMN mood VARCHAR(20)"))
    newer, ours = event(mood="pleased", v=2), event()
    start().append(newer, ours)
    wait_for(engine, [newer, ours])
    with engine.connect() as connection:
        query = text("SELECT mood FROM interactions ORDER BY interaction_id")
        assert list(connection.scalars(query)) == ["pleased", None]


def test_a_new_column_that_may_not_be_empty_takes_its_default(start: Start, engine: Engine) -> None:
    running = start()
    before, after, newer = event(), event(), event(mood="pleased", v=2)
    running.append(before)
    wait_for(engine, [before])
    with engine.begin() as connection:
        column = "mood VARCHAR(20) NOT NULL DEFAULT 'calm'"
        connection.execute(text(f"ALTER TABLE interactions ADD COLUMN {column}"))
    start().append(after, newer)  # as of the new version, beside the one before
    running.append(event())
    wait_for(engine, [before, after, newer])
    with engine.connect() as connection:
        query = text("SELECT mood FROM interactions ORDER BY interaction_id")
        assert list(connection.scalars(query))[:3] == ["calm", "calm", "pleased"]
    assert listed(engine) == []


def test_the_spool_of_a_killed_gateway_is_adopted_by_one_of_the_living(
    start: Start, engine: Engine, tmp_path: Path
) -> None:
    living = [start(), start(), start(own=False)]
    events = [event() for _ in range(50)]
    folder = abandoned(tmp_path / "spool", events)
    wait_for(engine, events, 5)
    wait_until("cleared away", lambda: not folder.exists())
    assert sum(running.count("spools_adopted") for running in living) == 1
    assert ids(engine) == sorted(ids_of(events))


def test_who_stops_forwards_what_is_left_and_leaves_no_spool(
    start: Start, engine: Engine, tmp_path: Path
) -> None:
    running = start()
    events = [event() for _ in range(180)]
    running.append(*events)
    running.forwarder.stop(5)
    assert ids(engine) == sorted(ids_of(events))
    assert spools_in(tmp_path / "spool") == []


def test_who_stops_without_a_database_leaves_the_spool_to_the_next(
    mariadb_url: str, tmp_path: Path
) -> None:
    nowhere = "mysql+pymysql://root@127.0.0.1:9/shopsight"
    running = Running(nowhere, tmp_path / "spool")
    events = [event(), event()]
    running.append(*events)
    begun = time.monotonic()
    running.forwarder.stop(0.5)
    assert time.monotonic() - begun < 5
    (adopted,) = SpoolFolder(tmp_path / "spool", "process").orphans()
    assert isinstance(adopted, Spool)
    assert [waiting.event for waiting in adopted.oldest(10)] == events


def test_rows_say_what_the_events_said(start: Start, engine: Engine, migrated: str) -> None:
    said = {"question": "这是真皮吗?👜\x00\n'\"\\%s", "answer": "好" * 5_000, "total_ms": 1.25}
    text_ = event(**said, parent_interaction_id=uuid.uuid4())
    start().append(text_)
    wait_for(engine, [text_])
    with engine.connect() as connection:
        (row,) = connection.execute(select(interactions)).mappings()
    want, _ = Fitted.to(interactions, FILLED).row(text_)
    assert {name: row[name] for name in want} == want
    assert {name: row[name] for name in said} == said


def test_a_gauge_tells_how_far_behind_the_database_is(tmp_path: Path, mariadb_url: str) -> None:
    running = Running("mysql+pymysql://root@127.0.0.1:9/shopsight", tmp_path / "spool")
    running.append(event(), event())
    value = running.registry.get_sample_value
    wait_until("lag", lambda: (value("gateway_log_lag_seconds") or 0) > 0.5)
    assert value("gateway_log_spool_events") == 2
    assert (value("gateway_log_spool_bytes") or 0) > 300
    running.close()
