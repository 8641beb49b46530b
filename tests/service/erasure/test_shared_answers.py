"""An erasure and the answer cache: what others were given, too, stays a hit for them."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Engine

from gateway.erasure.log import LogErasure
from gateway.identity.callers import hash_key
from gateway.log.given_answers import GivenAnswer, given_to_nobody_else, without_others
from gateway.log.outbox.delivery import Delivery
from gateway.log.outbox.spool import SpooledEvent
from gateway.log.tombstones import Subject
from tests.support.asking import chat, photo, post, rows, text_of
from tests.support.erased import WHO, erase, hers
from tests.support.events import event
from tests.support.stub_replica import StubReplica

Start = Callable[..., str]
SHOP = {"authorization": "Bearer key-1"}
BOB = Subject("public", "user", "1" * 32)
KEY = "e" * 64
ANSWER = GivenAnswer("rev-1", "d" * 64, KEY)


def bobs(**columns: object) -> str:
    return hers(user_pseudonym=BOB.name, answer_key=KEY, model_revision="rev-1", **columns)


def alices(**columns: object) -> str:
    return hers(answer_key=KEY, model_revision="rev-1", **columns)


def insert(engine: Engine, *events: str) -> None:
    spooled = [SpooledEvent(number, 0.0, text) for number, text in enumerate(events)]
    Delivery(engine, lambda _: None).deliver(spooled)


@pytest.fixture(params=["memory", "redis"])
def gateway(
    request: pytest.FixtureRequest, start_gateway: Start, stub: StubReplica, tmp_path: Path
) -> str:
    url = request.getfixturevalue("redis_url") if request.param == "redis" else None
    settings = {"api_keys": f"shop {hash_key('key-1')}", "pseudonym_key": "key"}
    settings |= {"image_dir": str(tmp_path / "images"), "redis_url": url}
    return start_gateway(replicas=stub.url, **settings)


def cache_of(gateway: str, question: str, user: str | None = "carol") -> str:
    answer = post(gateway, chat(question, photo(), user=user), **SHOP)
    assert text_of(answer)
    return str(answer.headers["x-cache"])


def test_what_others_were_given_too_stays_a_hit_and_the_rest_is_gone(
    gateway: str, tmp_path: Path
) -> None:
    # Alice was the first to ask two of three, bob or somebody without a name the second.
    for user, question in (
        ("alice", "shared?"), ("bob", "shared?"), ("bob", "joined?"), ("alice", "joined?"),
        ("alice", "anybody's?"), (None, "anybody's?"), ("alice", "own?"), ("alice", "own?"),
    ):  # fmt: skip
        cache_of(gateway, question, user)
    rows(f"sqlite:///{tmp_path / 'log.db'}")
    told = httpx.delete(f"{gateway}/v1/users/alice/data", headers=SHOP).json()
    assert (told["interactions"], told["cached_answers"]) == (5, 1)
    found = {q: cache_of(gateway, q) for q in ("shared?", "joined?", "anybody's?", "own?")}
    assert found == {"shared?": "hit", "joined?": "hit", "anybody's?": "hit", "own?": "miss"}


def test_the_last_of_them_takes_it_along(gateway: str, tmp_path: Path) -> None:
    for user in ("alice", "bob"):
        cache_of(gateway, "shared?", user)
    rows(f"sqlite:///{tmp_path / 'log.db'}")
    told = [
        httpx.delete(f"{gateway}/v1/users/{user}/data", headers=SHOP).json()["cached_answers"]
        for user in ("alice", "bob")
    ]
    assert told == [0, 1]
    assert cache_of(gateway, "shared?") == "miss"


def test_twenty_five_shoppers_keep_what_one_of_them_has_erased(
    gateway: str, tmp_path: Path
) -> None:
    with httpx.Client(base_url=gateway) as one, httpx.Client(base_url=gateway) as other:
        for number in range(25):
            for client in (one, other):
                body = chat(f"number {number}?")
                text_of(client.post("/v1/chat/completions", json=body))
        rows(f"sqlite:///{tmp_path / 'log.db'}")
        assert one.delete("/v1/users/me/data").json()["cached_answers"] == 0
        for number in range(25):
            answer = other.post("/v1/chat/completions", json=chat(f"number {number}?"))
            assert answer.headers["x-cache"] == "hit"


def test_of_two_erasures_at_once_the_second_tombstone_finds_the_answer(
    migrated: str, engine: Engine
) -> None:
    insert(engine, alices(), bobs())
    now = datetime.now(UTC)
    alice, bob = (LogErasure(engine, [who], now) for who in (WHO, BOB))
    alice.begin("test")
    assert alice.own_answers([ANSWER]) == [], "bob has it"
    bob.begin("test")
    # Alice's row is as it was: only her tombstone tells that she is no longer anybody.
    assert bob.own_answers([ANSWER]) == [ANSWER]
    assert bob.own_answers([ANSWER]) == [], "looked up once"


@pytest.mark.parametrize(
    ("row", "kept"),
    [
        ({"user_pseudonym": BOB.name}, True),
        ({"user_pseudonym": None, "session_id": "s" * 32}, True),
        ({"user_pseudonym": None}, True),
        ({"user_pseudonym": BOB.name, "outcome": "cancelled"}, False),
        ({"user_pseudonym": WHO.name, "session_id": "s" * 32}, False),
    ],
)
def test_who_counts_as_somebody_else(
    migrated: str, engine: Engine, row: dict[str, str | None], kept: bool
) -> None:
    insert(engine, alices(), alices(**row), event(answer_key="f" * 64))
    erase(engine)
    assert (given_to_nobody_else(engine, [ANSWER]) == []) == kept


def test_a_visit_that_names_nobody_goes_with_its_user(migrated: str, engine: Engine) -> None:
    visit = {"user_pseudonym": None, "session_id": "s" * 32}
    insert(engine, alices(session_id="s" * 32), alices(**visit))
    erase(engine)
    assert given_to_nobody_else(engine, [ANSWER]) == []
    erase(engine, WHO, Subject("public", "visit", "s" * 32))
    assert given_to_nobody_else(engine, [ANSWER]) == [ANSWER]


def test_many_answers_are_told_apart(migrated: str, engine: Engine) -> None:
    keys = [f"{number:064}" for number in range(120)]
    insert(engine, *(event(user_pseudonym=BOB.name, answer_key=key) for key in keys[::2]))
    answers = [GivenAnswer("rev-1", "", key) for key in keys]
    assert given_to_nobody_else(engine, [*answers, *answers]) == answers[1::2]


def test_a_late_event_takes_only_what_nobody_else_was_given(migrated: str, engine: Engine) -> None:
    insert(engine, bobs())
    erase(engine)
    asked: list[GivenAnswer] = []
    own = GivenAnswer("rev-1", "", "f" * 64)
    assert without_others(engine, lambda answers: not asked.extend(answers))([ANSWER, own])
    assert asked == [own]
