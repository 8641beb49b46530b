"""From the spool into real databases: once each, whatever is sent twice, locked or away."""

import shutil
import threading
import time
import uuid
from pathlib import Path

import pytest
from sqlalchemy import Engine, insert, select, text
from sqlalchemy.event import listen

from gateway.log.event import TableShape
from gateway.log.outbox.delivery import Delivery
from gateway.log.outbox.pauses import BUSY_ROWS, POLL_S
from gateway.log.outbox.reconcile import reconcile_log
from gateway.log.outbox.spool import Spool, SpooledEvent
from gateway.log.outbox.spool_folder import SpoolFolder, spools_in
from gateway.log.schema.tables import interactions
from tests.support.events import event, ids_of
from tests.support.forwarding import Running, Start, abandoned, ids, wait_for
from tests.support.servers import wait_until

# Columns that an event fills; the others are the database's own.
FILLED = [column.name for column in interactions.c if column.server_default is None]


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
    found = reconcile_log(engine, tmp_path / "spool", {uuid.UUID(i) for i in ids_of(events)})
    assert found.exact is unique_key
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
    delivery.deliver([SpooledEvent(n, 0, text) for n, text in enumerate(events[::2])])
    # And one that is twice in the batch: refused once by its client's leaving, say.
    batch = [SpooledEvent(n, 0, text) for n, text in enumerate([*events, events[3]])]
    outcome = delivery.deliver(batch)
    assert len(outcome.accepted) == 21
    assert ids(engine) == sorted(ids_of(events))
    assert retries == ["duplicate"]


# SQLite locks the file as a whole: there is one writer at a time.
ON_A_SERVER = pytest.mark.parametrize("database_url", ["mariadb"], indirect=True)


@ON_A_SERVER
def test_an_insert_that_a_dead_gateways_connection_still_holds_is_waited_for(
    migrated: str, engine: Engine
) -> None:
    """The server may go on with a transaction for a while after its client has died."""
    events = [event() for _ in range(3)]
    spooled = [SpooledEvent(n, 0, text) for n, text in enumerate(events)]
    shape = TableShape.of(interactions, FILLED)
    with engine.connect() as other:
        other.execute(insert(interactions), shape.row(events[1])[0])
        later = threading.Timer(0.5, other.commit)
        later.start()
        outcome = Delivery(engine, lambda _: None).deliver(spooled)
        later.join()
    assert len(outcome.accepted) == 3
    assert ids(engine) == sorted(ids_of(events))


@ON_A_SERVER
def test_the_victim_of_a_deadlock_tries_again(migrated: str, engine: Engine) -> None:
    first, second = event(), event()
    others = [event() for _ in range(200)]  # the one that has written more is not the victim
    shape = TableShape.of(interactions, FILLED)
    rows = [shape.row(text)[0] for text in (first, second, *others)]
    retries: list[str] = []
    delivery = Delivery(engine, retries.append)
    done: list[int] = []

    def deliver() -> None:
        outcome = delivery.deliver([SpooledEvent(1, 0, first), SpooledEvent(2, 0, second)])
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


def test_a_busy_gateways_rows_go_in_few_transactions(start: Start, engine: Engine) -> None:
    running = start()
    committed = []
    listen(running.engine, "commit", committed.append)
    events = []
    for _ in range(30):
        rows = [event() for _ in range(BUSY_ROWS)]
        running.append(*rows)
        events += rows
        time.sleep(0.05)
    wait_for(engine, events)
    assert len(committed) <= 1.5 / POLL_S / 2  # half as many as a gateway with little to do makes


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
    (adopted,) = SpoolFolder(tmp_path / "spool", "process").adopt_orphans()
    assert isinstance(adopted, Spool)
    assert [spooled.event for spooled in adopted.oldest(10)] == events


def test_rows_say_what_the_events_said(start: Start, engine: Engine, migrated: str) -> None:
    said = {"question": "这是真皮吗?👜\x00\n'\"\\%s", "answer": "好" * 5_000, "total_ms": 1.25}
    text_ = event(**said, parent_interaction_id=uuid.uuid4())
    start().append(text_)
    wait_for(engine, [text_])
    with engine.connect() as connection:
        (row,) = connection.execute(select(interactions)).mappings()
    want, _ = TableShape.of(interactions, FILLED).row(text_)
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
