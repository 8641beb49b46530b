"""Thumbs on their way: over HTTP, through the spool, into the table that analysts read."""

import contextlib
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import Engine, create_engine, insert, select, text
from sqlalchemy.exc import DBAPIError
from uuid6 import uuid7

from gateway.cli.embedded import free_port
from gateway.config import Settings
from gateway.feedback.limit import MAX_VOTES
from gateway.feedback.quarantine import Quarantine
from gateway.feedback.tally import EXPECTED_DAYS, FeedbackMetrics, Tally
from gateway.identity.callers import hash_key
from gateway.log.outbox.delivery import Delivery
from gateway.log.outbox.spool import SpooledEvent
from gateway.log.schema.tables import quarantined_answers, votes
from tests.support.asking import chat, photo, rows
from tests.support.events import event, ids_of
from tests.support.servers import gateway_process, mariadb_server, wait_until
from tests.support.stub_replica import StubReplica
from tests.support.voting import Shopper, thumbs, uncounted, wait_for_thumbs

Start = Callable[..., str]
KEYS = "shop-a " + hash_key("key-a") + "\nshop-b " + hash_key("key-b")
WHAT = chat("what?", photo())


@pytest.fixture
def gateway(database_url: str, start_gateway: Start, stub: StubReplica) -> str:
    return start_gateway(replicas=stub.url, database_url=database_url, api_keys=KEYS)


def test_a_thumb_is_a_row_of_its_own_and_an_event_that_follows_up(
    gateway: str, database_url: str, engine: Engine
) -> None:
    shopper = Shopper(gateway)
    answer = shopper.ask(WHAT)
    said = shopper.vote(answer, "down", reason="答非所问,打 13812345678")
    asked_id = answer.headers["x-interaction-id"]
    assert said.status_code == 202
    assert said.json() == {
        "id": said.headers["x-interaction-id"],
        "object": "feedback",
        "interaction_id": asked_id,
        "vote": "down",
    }
    wait_for_thumbs(engine, answer, "down")
    assert thumbs(engine) == [("down", "答非所问,打 [phone]")]
    asked, voted = rows(database_url)
    assert (voted["kind"], voted["route"], voted["outcome"]) == (
        "feedback",
        "/v1/feedback",
        "answered",
    )
    assert voted["parent_interaction_id"] == uuid.UUID(asked_id) == asked["interaction_id"]
    assert voted["session_id"] == asked["session_id"]
    wait_until("all counted", lambda: uncounted(engine) == 0)


def test_the_last_vote_counts(gateway: str, engine: Engine) -> None:
    shopper = Shopper(gateway)
    answer = shopper.ask(WHAT)
    for vote in ("down", "up", "down", "up"):
        shopper.vote(answer, vote)
    wait_for_thumbs(engine, answer, "up")
    wait_until("all counted", lambda: uncounted(engine) == 0)
    assert thumbs(engine) == [("up", None)]


def test_the_analysts_views_fill(gateway: str, engine: Engine) -> None:
    shopper = Shopper(gateway)
    answer = shopper.ask_and_vote(WHAT, "up")
    wait_for_thumbs(engine, answer, "up")
    with engine.connect() as connection:
        found = connection.execute(text("SELECT * FROM feedback_by_revision")).mappings().one()
    assert (found["model_revision"], found["votes"], found["up"]) == ("stub-1", 1, 1)
    shopper.vote(answer, "down")
    wait_for_thumbs(engine, answer, "down")
    with engine.connect() as connection:
        found = connection.execute(text("SELECT * FROM feedback_by_revision")).mappings().one()
    assert (found["votes"], found["up"], found["down"]) == (1, 0, 1)


def test_a_vote_on_another_s_interaction_neither_counts_nor_tells(
    gateway: str, database_url: str, engine: Engine
) -> None:
    asker, stranger = Shopper(gateway), Shopper(gateway)
    stranger.ask(chat("hi"))  # has a session
    shop, other_shop = Shopper(gateway, "key-a"), Shopper(gateway, "key-b")
    answer = asker.ask_and_vote(WHAT, "up")
    of_user = shop.ask_and_vote({**WHAT, "user": "u-1"}, "up", user="u-1")
    of_shop = shop.ask_and_vote(chat("hi"), "up")
    wait_until("counted", lambda: len(thumbs(engine)) == 3)
    nothing = httpx.Response(200, headers={"x-interaction-id": str(uuid.UUID(int=uuid7().int))})
    attempts = [
        (stranger, answer, {}),
        (Shopper(gateway), answer, {}),  # a session that has just begun
        (shop, answer, {}),
        (other_shop, of_user, {"user": "u-1"}),
        (shop, of_user, {"user": "u-2"}),
        (shop, of_user, {}),
        (asker, of_user, {"user": "u-1"}),
        (other_shop, of_shop, {}),
        (stranger, of_shop, {}),
        (stranger, nothing, {}),
    ]
    said = [who.vote(what, "down", **fields) for who, what, fields in attempts]
    assert {answer.status_code for answer in said} == {202}
    assert {tuple(answer.json()) for answer in said} == {("id", "object", "interaction_id", "vote")}
    rows(database_url)  # all of them have arrived
    wait_until("looked at", lambda: uncounted(engine) == 1)  # the one on nothing waits
    assert thumbs(engine) == [("up", None)] * 3


def test_nobody_votes_on_what_was_no_answer(gateway: str, engine: Engine) -> None:
    shopper = Shopper(gateway)
    answered = shopper.ask(WHAT)
    upload = shopper.client.post("/v1/images", content=photo())
    refused = shopper.client.post("/v1/chat/completions", json={"prompt": "?"})
    assert (upload.status_code, refused.status_code) == (201, 400)
    for answer in (upload, refused, answered):
        assert shopper.vote(answer, "up").status_code == 202
    wait_for_thumbs(engine, answered, "up")
    wait_until("all counted", lambda: uncounted(engine) == 0)
    assert len(thumbs(engine)) == 1


@pytest.mark.parametrize("asker_first", [True, False])
def test_a_vote_waits_for_its_interaction_to_reach_the_database(
    migrated: str, engine: Engine, asker_first: bool
) -> None:
    """They may come by two gateways' spools, one of which is adopted a day later."""
    asked = event(session_id="s" * 32, model_revision="r1", answer_key="a" * 64)
    (name,) = ids_of([asked])
    cast = {"vote": "down", "reason": None}
    vote = event(
        kind="feedback", parent_interaction_id=uuid.UUID(name), session_id="s" * 32, vote=cast
    )
    registry = CollectorRegistry()
    tally = tally_of(migrated, engine, registry)
    delivery = Delivery(engine, lambda _: None)
    first, second = (asked, vote) if asker_first else (vote, asked)
    for text_ in (first, second, vote, asked):  # and all of it twice
        assert delivery.deliver([SpooledEvent(1, 0.0, text_)]).unknown_fields == set()
        tally._sweep_at = 0.0
        tally.round()
    assert thumbs(engine) == [("down", None)]
    assert uncounted(engine) == 0
    labels = {"revision": "r1", "vote": "down"}
    assert registry.get_sample_value("gateway_votes_total", labels) == 1


def tally_of(database_url: str, engine: Engine, registry: CollectorRegistry | None = None) -> Tally:
    settings = Settings(_env_file=None, database_url=database_url)  # type: ignore[call-arg]
    metrics = FeedbackMetrics(registry or CollectorRegistry())
    return Tally(settings, engine, Quarantine(), metrics)


def test_a_vote_that_comes_late_does_not_undo_a_later_one(migrated: str, engine: Engine) -> None:
    asked = event(session_id="s" * 32)
    parent = uuid.UUID(ids_of([asked])[0])
    tally = tally_of(migrated, engine)
    delivery = Delivery(engine, lambda _: None)
    later = datetime.now(UTC)
    delivery.deliver([SpooledEvent(1, 0.0, asked)])
    for vote, at in (("up", later), ("down", later - timedelta(seconds=1))):
        cast = {"vote": vote, "reason": None}
        about = {"parent_interaction_id": parent, "asked_at": at, "session_id": "s" * 32}
        delivery.deliver([SpooledEvent(2, 0.0, event(kind="feedback", vote=cast, **about))])
        tally.round()
    assert thumbs(engine) == [("up", None)]


def test_gateways_that_count_at_once_count_each_vote_once_and_miss_no_verdict(
    migrated: str, engine: Engine
) -> None:
    answers = [f"{n:064x}" for n in range(20)]
    told = []
    for key in answers:
        for voter in range(3):
            session = f"{voter:016x}" * 2  # the first half tells people apart
            asked = event(session_id=session, answer_key=key, model_revision="r1")
            about = {"parent_interaction_id": uuid.UUID(ids_of([asked])[0]), "session_id": session}
            told += [asked, event(kind="feedback", vote={"vote": "down", "reason": None}, **about)]
    Delivery(engine, lambda _: None).deliver(
        [SpooledEvent(n, 0.0, text_) for n, text_ in enumerate(told)]
    )
    registries = [CollectorRegistry() for _ in range(3)]
    engines = [create_engine(migrated) for _ in registries]

    def count(own: Engine, registry: CollectorRegistry) -> None:
        tally = tally_of(migrated, own, registry)
        while uncounted(own):
            with contextlib.suppress(DBAPIError):  # the same vote at the same moment
                tally.round()

    with ThreadPoolExecutor(len(registries)) as threads:
        list(threads.map(count, engines, registries))
    for own in engines:
        own.dispose()
    assert thumbs(engine) == [("down", None)] * 60
    with engine.connect() as connection:
        found = connection.execute(select(quarantined_answers)).mappings().all()
    assert sorted((row["answer_key"], row["attempt"]) for row in found) == [(k, 1) for k in answers]
    samples = [
        ("gateway_votes_total", {"revision": "r1", "vote": "down"}, 60),
        ("gateway_answers_quarantined_total", {"revision": "r1"}, 20),
    ]
    for name, labels, total in samples:
        assert sum(one.get_sample_value(name, labels) or 0 for one in registries) == total


def test_a_vote_out_of_an_old_spool_counts_at_the_next_sweep(migrated: str, engine: Engine) -> None:
    asked = event(session_id="s" * 32)
    hours_ago = int((datetime.now(UTC) - timedelta(hours=2)).timestamp() * 1000)
    old = {
        "interaction_id": uuid.UUID(int=(hours_ago << 80) | 7 << 76 | 2 << 62 | 1),
        "parent_interaction_id": uuid.UUID(ids_of([asked])[0]),
        "session_id": "s" * 32,
        "vote": {"vote": "up", "reason": None},
    }
    tally = tally_of(migrated, engine)
    tally.round()  # a sweep
    Delivery(engine, lambda _: None).deliver(
        [SpooledEvent(1, 0.0, asked), SpooledEvent(2, 0.0, event(kind="feedback", **old))]
    )
    tally.round()
    assert uncounted(engine) == 1
    tally._sweep_at = 0.0  # a minute later
    tally.round()
    assert thumbs(engine) == [("up", None)]


def test_votes_that_an_outage_left_are_counted_round_after_round(
    migrated: str, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.feedback.tally.BATCH_ROWS", 4)
    hours_ago = int((datetime.now(UTC) - timedelta(hours=2)).timestamp() * 1000)
    asked = [event(session_id="s" * 32) for _ in range(10)]
    cast = [
        event(
            kind="feedback",
            interaction_id=uuid.UUID(int=(hours_ago << 80) | 7 << 76 | 2 << 62 | number),
            parent_interaction_id=uuid.UUID(name),
            session_id="s" * 32,
            vote={"vote": "up", "reason": None},
        )
        for number, name in enumerate(ids_of(asked))
    ]
    waiting = [SpooledEvent(number, 0.0, text) for number, text in enumerate([*asked, *cast])]
    Delivery(engine, lambda _: None).deliver(waiting)
    tally = tally_of(migrated, engine)
    for left in (6, 2, 0):
        tally.round()
        assert uncounted(engine) == left


def test_votes_on_what_never_comes_are_given_up(migrated: str, engine: Engine) -> None:
    now = datetime.now(UTC)
    ages = [timedelta(days=EXPECTED_DAYS, hours=1), timedelta(days=EXPECTED_DAYS, hours=-1)]
    vote = {"vote": "up", "tenant": "public", "session_id": "s" * 32}
    with engine.begin() as connection:
        for age in ages:
            names = {name: uuid.UUID(int=uuid7().int) for name in ("vote_id", "interaction_id")}
            connection.execute(insert(votes), {**vote, **names, "created_at": now - age})
    tally = tally_of(migrated, engine)
    tally.round()
    with engine.connect() as connection:
        left = connection.scalars(select(votes.c.created_at)).all()
    assert len(left) == 1
    assert thumbs(engine) == []


def test_a_voter_in_a_hurry_is_told_to_wait(gateway: str) -> None:
    shopper = Shopper(gateway)
    answer = shopper.ask(WHAT)
    said = [shopper.vote(answer, "up").status_code for _ in range(MAX_VOTES + 1)]
    assert said == [202] * MAX_VOTES + [429]
    late = shopper.vote(answer, "up")
    assert late.json()["error"]["code"] == "rate_limited"
    assert int(late.headers["retry-after"]) > 0
    assert not shopper.vote(answer, "up", reason="很好").json()["error"]["message"].isascii()


@pytest.mark.parametrize(
    ("content", "media", "status", "code"),
    [
        (b'{"vote": "up"}', "application/json", 400, "invalid_field"),
        (b"{", "application/json", 400, "invalid_json"),
        (b"vote=up", "application/x-www-form-urlencoded", 415, "unsupported_media_type"),
        (b" " * 100_000, "application/json", 413, "payload_too_large"),
    ],
)
def test_a_malformed_vote_is_refused_and_recorded(
    gateway: str, database_url: str, content: bytes, media: str, status: int, code: str
) -> None:
    answer = httpx.post(f"{gateway}/v1/feedback", content=content, headers={"content-type": media})
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    (row,) = rows(database_url)
    assert (row["kind"], row["outcome"], row["error_code"]) == ("feedback", "refused", code)


def test_votes_are_counted_for_the_revision_that_answered(
    tmp_path: Path, stub: StubReplica
) -> None:
    with gateway_process(tmp_path, REPLICAS=stub.url) as gateway:
        shopper = Shopper(gateway.url)
        shopper.ask_and_vote(WHAT, "up")
        shopper.ask_and_vote(chat("and?"), "down")

        def counted() -> set[str]:
            metrics = httpx.get(f"http://127.0.0.1:{gateway.port}/metrics").text
            return {line for line in metrics.splitlines() if line.startswith("gateway_votes_total")}

        wait_until("counted", lambda: len(counted()) == 2)
        assert counted() == {
            'gateway_votes_total{revision="stub-1",vote="up"} 1.0',
            'gateway_votes_total{revision="stub-1",vote="down"} 1.0',
        }


def test_without_the_database_votes_are_taken_and_counted_later(
    start_gateway: Start, stub: StubReplica, tmp_path: Path
) -> None:
    port = free_port()
    with mariadb_server(tmp_path, port) as server:
        shopper = Shopper(start_gateway(replicas=stub.url, database_url=server.url))
    answer = shopper.ask_and_vote(WHAT, "down")
    shopper.vote(answer, "up", reason="好")
    with mariadb_server(tmp_path, port) as server:
        engine = create_engine(server.url)
        wait_for_thumbs(engine, answer, "up")
        assert thumbs(engine) == [("up", "好")]
        engine.dispose()
