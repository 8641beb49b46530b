"""Events that come to the database after their person was erased: from spools elsewhere, from dead
letters, and at the very moment."""

import sys
import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
from sqlalchemy import Engine, insert, select

from gateway.batch.erasure import BatchErasure
from gateway.cache.answers import PREFIX
from gateway.cli.embedded import free_port
from gateway.cli.erasures import replay_all
from gateway.erasure.log import LogErasure
from gateway.identity.pseudonyms import Pseudonyms
from gateway.images.store import PhotoStore
from gateway.images.uploads import Uploads
from gateway.log.event import id_of
from gateway.log.given_answers import GivenAnswer
from gateway.log.outbox import dead_letters
from gateway.log.outbox.dead_letters import insert_dead_letter, replay
from gateway.log.outbox.delivery import Delivery, ErasedMeanwhile
from gateway.log.outbox.spool import SpooledEvent
from gateway.log.schema.privacy_tables import audit
from gateway.log.schema.tables import interactions
from gateway.log.tombstones import Subject
from tests.support.erased import WHO, erase, hers, row
from tests.support.events import event, ids_of
from tests.support.forwarding import Start, abandoned, ids, wait_for
from tests.support.servers import running, wait_until


def test_a_spool_adopted_after_the_erasure_brings_back_nothing_but_the_fact(
    start: Start, engine: Engine, tmp_path: Path
) -> None:
    before, others = hers(), event(user_pseudonym="1" * 32, question="mine")
    abandoned(tmp_path / "spool", [before, others])
    erase(engine)
    after = hers("asked again", asked_at=datetime.now(UTC) + timedelta(milliseconds=1))
    running = start()
    running.append(after)
    wait_for(engine, [before, others, after])
    kept = {name for name, value in row(engine, before).items() if value not in (None, "")}
    assert kept == {"interaction_id", "asked_at", "arrived_at"} | {
        "kind",
        "route",
        "tenant",
        "outcome",
        "total_ms",
    }
    assert row(engine, others)["question"] == "mine"
    assert row(engine, after)["question"] == "asked again", "new data"
    assert running.count("erased") == 1
    wait_until("the spool is empty", lambda: running.forwarder.depth == 0)


def test_a_line_of_a_batch_is_as_old_as_its_file(migrated: str, engine: Engine) -> None:
    now = datetime.now(UTC)
    before, after = now - timedelta(days=20), now - timedelta(hours=2)
    erase(engine, at=now - timedelta(hours=3))  # longer ago than any request takes
    texts = [hers(asked_at=now, uploaded_at=moment) for moment in (before, after)]
    others = [hers(user_pseudonym=f"{n:032}", uploaded_at=now) for n in range(1, 2_000)]
    events = [*texts, *others]
    batch = [SpooledEvent(n, now.timestamp(), text) for n, text in enumerate(events)]
    outcome = Delivery(engine, lambda _: None).deliver(batch)
    assert [row(engine, text)["question"] for text in texts] == [None, "canary"]
    assert [spooled.event for spooled in outcome.erased] == texts[:1]
    assert outcome.unknown_fields == set()


@pytest.mark.parametrize(
    ("kind", "user", "gone"),
    [
        ("session", None, True),
        ("session", "1" * 32, True),
        ("visit", None, True),
        ("visit", "1" * 32, False),
    ],
)
def test_a_session_is_erased_whole_and_a_visit_but_for_what_names_another(
    start: Start, engine: Engine, kind: Any, user: str | None, gone: bool
) -> None:
    text = event(session_id="s" * 32, user_pseudonym=user, question="canary")
    erase(engine, Subject("public", kind, "s" * 32))
    start().append(text)
    wait_for(engine, [text])
    assert (row(engine, text)["question"] is None) == gone


def test_another_tenants_user_of_that_name_is_somebody_else(start: Start, engine: Engine) -> None:
    erase(engine, Subject("rival", "user", WHO.name))
    text = hers()
    start().append(text)
    wait_for(engine, [text])
    assert row(engine, text)["question"] == "canary"


def test_an_event_that_keeps_the_answer_cache_waiting_stays_in_the_spool(
    start: Start, engine: Engine
) -> None:
    text, other = hers(answer_key="e" * 64, model_revision="rev-1"), event()
    erase(engine)
    running = start()
    asked, reachable = [], threading.Event()

    def delete(answers: Sequence[GivenAnswer]) -> bool:
        asked.append(list(answers))
        return reachable.is_set()

    running.forwarder._delete_answers = delete
    running.append(text, other)
    wait_for(engine, [text, other])
    wait_until("asked again", lambda: len(asked) > 2)
    assert running.forwarder.depth == 1
    assert asked[-1] == [GivenAnswer("rev-1", "d" * 64, "e" * 64)]
    reachable.set()
    wait_until("gone", lambda: running.forwarder.depth == 0)
    assert ids(engine) == sorted(ids_of([text, other]))


def test_the_worker_takes_their_answers_out_of_the_cache_too(
    migrated: str, engine: Engine, tmp_path: Path, redis_url: str
) -> None:
    late = hers(answer_key="e" * 64, model_revision="rev-1")
    abandoned(tmp_path / "spool", [late])
    erase(engine)
    mine, others = (f"{PREFIX}:{{{digit * 64}}}:rev-1:{'d' * 64}" for digit in "ef")
    environment = {
        "DATABASE_URL": migrated,
        "REDIS_URL": redis_url,
        "SPOOL_DIR": str(tmp_path / "spool"),
        "INTERNAL_PORT": str(free_port()),
    }
    with redis.Redis.from_url(redis_url) as client:
        client.mset({mine: "canary", others: "kept"})
        command = [sys.executable, "-m", "gateway.cli", "worker", "--only", "upkeep"]
        with running(command, tmp_path / "worker.log", **environment):
            wait_for(engine, [late], 20)
            wait_until("forgotten", lambda: not client.exists(mine))
            assert client.get(others) == b"kept"
    with engine.connect() as connection:
        (entry,) = connection.execute(select(audit)).all()
    assert (entry.actor, entry.action, entry.details) == (
        "forwarder",
        "late events erased",
        '{"events": 1}',
    )


def test_a_dead_letter_is_not_written_about_somebody_who_was_just_erased(
    migrated: str, engine: Engine
) -> None:
    text = hers()
    erase(engine)
    with pytest.raises(ErasedMeanwhile):
        insert_dead_letter(engine, SpooledEvent(1, 0.0, text), ValueError("why"), 5)
    assert dead_letters.count(engine) == 0


def test_a_dead_letter_of_before_is_replayed_without_person_and_content(
    migrated: str, engine: Engine
) -> None:
    text = hers()
    insert_dead_letter(engine, SpooledEvent(1, 0.0, text), ValueError("why"), 5)
    erase(engine)
    replay(engine, lambda *_: None)
    assert row(engine, text)["question"] is None
    assert dead_letters.count(engine) == 0


def test_an_event_sent_again_after_its_row_was_emptied_does_not_fill_it(
    migrated: str, engine: Engine
) -> None:
    text = hers()
    to_database = Delivery(engine, lambda _: None)
    to_database.deliver([SpooledEvent(1, 0.0, text)])
    with engine.begin() as connection:
        connection.execute(interactions.update().values(question=None, user_pseudonym=None))
    to_database.deliver([SpooledEvent(1, 0.0, text)])
    assert row(engine, text)["question"] is None


def test_what_a_backup_brings_back_is_erased_again(
    migrated: str, engine: Engine, tmp_path: Path
) -> None:
    old, visit, others = (
        hers(session_id="s" * 32),
        event(session_id="s" * 32, question="canary"),
        event(session_id="s" * 32, question="mine", user_pseudonym="1" * 32),
    )
    late = hers("asked since", asked_at=datetime.now(UTC) + timedelta(minutes=1))
    Delivery(engine, lambda _: None).deliver(
        [SpooledEvent(n, 0.0, text) for n, text in enumerate((old, visit, others, late))]
    )
    erase(engine, WHO, Subject("public", "visit", "s" * 32))
    uploads = Uploads(PhotoStore.in_folder(tmp_path), engine, 60, Pseudonyms("key"))
    batches = BatchErasure(engine, tmp_path, Pseudonyms("key"))
    assert replay_all(engine, uploads, batches) == 2
    assert [row(engine, text)["question"] for text in (old, visit, others, late)] == [
        None,
        None,
        "mine",
        "asked since",
    ]
    assert replay_all(engine, uploads, batches) == 0


def test_an_erasure_waits_for_rows_that_are_being_inserted(
    migrated: str, engine: Engine, database_url: str
) -> None:
    if engine.dialect.name == "sqlite":
        return  # one writer at a time
    erasure = LogErasure(engine, [WHO], datetime.now(UTC) + timedelta(seconds=1))
    text = hers()
    found: list[Any] = []
    with engine.connect() as inserting:
        fields = {"interaction_id": id_of(text), "user_pseudonym": WHO.name, "request_id": "r"}
        fields |= {"asked_at": datetime.now(UTC), "kind": "ask", "tenant": "public"}
        fields |= {"outcome": "answered", "total_ms": 1.0, "question": "canary"}
        inserting.execute(insert(interactions), fields)
        looking = threading.Thread(
            target=lambda: found.append(erasure.next_batch(erasure.interaction_conditions([])[0]))
        )
        looking.start()
        looking.join(0.5)
        assert looking.is_alive(), "it waits"
        inserting.commit()
        looking.join(10)
    assert list(found[0]) == [id_of(text)]
