"""Answers voted down: from the last vote that it takes to the new answer for everybody."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis
from sqlalchemy import Engine, create_engine, delete, select

from contract.attempts import HEADER, MAX_ATTEMPT
from gateway.identity.callers import hash_key
from gateway.log.schema.tables import quarantined_answers
from tests.support.asking import chat, photo, text_of
from tests.support.servers import gateway_process, wait_until
from tests.support.stub_replica import StubReplica
from tests.support.voting import Shopper, thumbs, uncounted

Start = Callable[..., str]
KEYS = "shop-a " + hash_key("key-a") + "\nshop-b " + hash_key("key-b")
WHAT = chat("what?", photo())


@pytest.fixture
def gateway(database_url: str, start_gateway: Start, stub: StubReplica) -> str:
    stub.answer = "first"
    return start_gateway(
        replicas=stub.url,
        database_url=database_url,
        api_keys=KEYS,
        tenant_quarantine_votes={"shop-a": 2, "shop-b": 0},
    )


def attempts(engine: Engine) -> list[int]:
    with engine.connect() as connection:
        return list(connection.scalars(select(quarantined_answers.c.attempt)))


def vote_down(url: str, engine: Engine, voters: int = 3, **fields: Any) -> None:
    """By so many shoppers who got the answer, and counted."""
    asked_before = len(thumbs(engine))
    for _ in range(voters):
        Shopper(url).ask_and_vote({**WHAT, **fields}, "down")
    wait_until("counted", lambda: len(thumbs(engine)) == asked_before + voters)
    wait_until("judged", lambda: uncounted(engine) == 0)


def wait_for_answer(url: str, text: str) -> list[httpx.Response]:
    """Ask until the answer is another; all that was answered until then."""
    answers: list[httpx.Response] = []

    def is_it() -> bool:
        answers.append(Shopper(url).ask(WHAT))
        return text_of(answers[-1]).endswith(text)

    wait_until(text, is_it, 10)
    return answers


def test_an_answer_voted_down_by_three_is_computed_anew_more_closely_and_then_served(
    gateway: str, stub: StubReplica, engine: Engine
) -> None:
    vote_down(gateway, engine, voters=2)
    assert attempts(engine) == []
    assert Shopper(gateway).ask(WHAT).headers["x-cache"] == "hit"
    vote_down(gateway, engine, voters=1)
    assert attempts(engine) == [1]
    stub.answer = "second"
    *before, new = wait_for_answer(gateway, "second")
    assert {text_of(answer) for answer in before} <= {"关于first"}
    assert new.headers["x-cache"] == "miss"
    assert [headers.get(HEADER) for headers in stub.headers] == [None, "1"]
    later = Shopper(gateway).ask(WHAT)
    assert (text_of(later), later.headers["x-cache"]) == ("关于second", "hit")
    streamed = Shopper(gateway).ask({**WHAT, "stream": True})
    assert (text_of(streamed), streamed.headers["x-cache"]) == ("关于second", "hit")
    assert len(stub.calls) == 2
    other = Shopper(gateway).ask(chat("and?", photo()))  # nothing else has changed
    assert stub.headers[-1].get(HEADER) is None
    assert other.headers["x-cache"] == "miss"


def test_one_voter_many_times_is_one_voter(gateway: str, engine: Engine) -> None:
    angry = Shopper(gateway)
    answers = [angry.ask({**WHAT, "user": f"u-{n}"}) for n in range(5)]  # however it calls itself
    for n, answer in enumerate(answers):
        for _ in range(2):
            angry.vote(answer, "down", user=f"u-{n}")
    wait_until("counted", lambda: len(thumbs(engine)) == 5 and uncounted(engine) == 0)
    assert attempts(engine) == []
    assert angry.ask(WHAT).headers["x-cache"] == "hit"


def test_who_changes_their_mind_is_not_against_it_any_more(gateway: str, engine: Engine) -> None:
    first = Shopper(gateway)
    answer = first.ask_and_vote(WHAT, "down")
    wait_until("counted", lambda: thumbs(engine) == [("down", None)])
    first.vote(answer, "up")
    vote_down(gateway, engine, voters=2)
    assert attempts(engine) == []


def test_each_tenant_has_a_threshold_and_answers_of_its_own(gateway: str, engine: Engine) -> None:
    def against(key: str, voters: int) -> None:
        shop = Shopper(gateway, key)
        for n in range(voters):
            shop.ask_and_vote({**WHAT, "user": f"u-{n}"}, "down", user=f"u-{n}")

    for key in ("key-a", "key-b"):
        for _ in range(3):  # without `user` all of a tenant's calls are one voter
            Shopper(gateway, key).ask_and_vote(WHAT, "down")
    wait_until("counted", lambda: len(thumbs(engine)) == 6 and uncounted(engine) == 0)
    assert attempts(engine) == []
    against("key-b", 4)  # never
    against("key-a", 1)  # the second voter
    wait_until("counted", lambda: len(thumbs(engine)) == 11 and uncounted(engine) == 0)
    with engine.connect() as connection:
        found = connection.execute(select(quarantined_answers)).mappings().all()
    assert [(row["tenant"], row["attempt"]) for row in found] == [("shop-a", 1)]
    assert Shopper(gateway, "key-b").ask(WHAT).headers["x-cache"] == "hit"


def test_the_last_attempt_stays(gateway: str, stub: StubReplica, engine: Engine) -> None:
    for attempt in range(MAX_ATTEMPT + 1):
        vote_down(gateway, engine)
        stub.answer = f"later {attempt}"
        if attempt < MAX_ATTEMPT:
            wait_for_answer(gateway, f"later {attempt}")
    assert attempts(engine) == [MAX_ATTEMPT]
    assert text_of(Shopper(gateway).ask(WHAT)) == f"关于later {MAX_ATTEMPT - 1}"
    assert [headers.get(HEADER) for headers in stub.headers] == [None, "1", "2"]


def test_a_quarantine_ends_when_its_row_is_taken_away(
    gateway: str, stub: StubReplica, engine: Engine
) -> None:
    vote_down(gateway, engine)
    stub.answer = "second"
    wait_for_answer(gateway, "second")
    with engine.begin() as connection:
        connection.execute(delete(quarantined_answers))
    assert wait_for_answer(gateway, "first")[-1].headers["x-cache"] == "hit"


def test_questions_of_different_attempts_never_share_a_computation(
    gateway: str, stub: StubReplica, engine: Engine
) -> None:
    voters = [Shopper(gateway) for _ in range(3)]
    answers = [voter.ask(WHAT) for voter in voters]
    stub.slow, stub.first_delay_s = True, 120.0
    with ThreadPoolExecutor(1) as threads:
        anew = Shopper(gateway)
        anew.client.headers["cache-control"] = "no-cache"
        under_way = threads.submit(anew.ask, WHAT)
        wait_until("under way", lambda: len(stub.calls) == 2)
        stub.slow, stub.answer = False, "second"
        for voter, answer in zip(voters, answers, strict=True):
            voter.vote(answer, "down")
        *before, new = wait_for_answer(gateway, "second")
        assert not under_way.done()
        assert {answer.headers["x-cache"] for answer in before} <= {"hit"}
        assert new.headers["x-cache"] == "miss"
        stub.released = True
        under_way.result()
    assert [headers.get(HEADER) for headers in stub.headers] == [None, None, "1"]
    assert Shopper(gateway).ask(WHAT).headers["x-cache"] == "hit"


@pytest.fixture
def pair(
    tmp_path: Path, stub: StubReplica, redis_url: str, mariadb_log: str
) -> Iterator[list[str]]:
    stub.answer = "first"
    environment = {
        "REPLICAS": stub.url,
        "REDIS_URL": redis_url,
        "DATABASE_URL": mariadb_log,
    }
    with (
        gateway_process(tmp_path, **environment) as one,
        gateway_process(tmp_path, **environment) as other,
    ):
        yield [one.url, other.url, one.admin]


@pytest.fixture
def mariadb_log(mariadb_url: str, tmp_path: Path) -> Iterator[str]:
    """A database of the test's own."""
    name = f"quarantine_{tmp_path.name}"[:60].replace("-", "_")
    server = create_engine(mariadb_url)
    with server.begin() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE `{name}` CHARACTER SET utf8mb4")
    yield mariadb_url.replace("/shopsight", f"/{name}")
    with server.begin() as connection:
        connection.exec_driver_sql(f"DROP DATABASE `{name}`")
    server.dispose()


def test_votes_at_two_gateways_count_together_and_both_answer_anew(
    pair: list[str], stub: StubReplica, mariadb_log: str, redis_url: str
) -> None:
    engine = create_engine(mariadb_log)
    one, other, internal = pair
    vote_down(one, engine, voters=1)
    vote_down(other, engine, voters=2)
    stub.answer = "second"
    wait_for_answer(one, "second")
    assert wait_for_answer(other, "second")[-1].headers["x-cache"] == "hit"
    assert len(stub.calls) == 2

    gone = httpx.delete(f"{internal}/answers?revision=stub-1").json()
    assert gone == {"purged": 2}  # of both attempts
    with redis.Redis.from_url(redis_url) as client:  # the quarantine is not Redis' to forget
        client.flushall()
    stub.answer = "third"
    for url, found in ((one, "miss"), (other, "hit")):
        answer = Shopper(url).ask(WHAT)
        assert (text_of(answer), answer.headers["x-cache"]) == ("关于third", found)
    assert stub.headers[-1][HEADER] == "1"

    purged = f"{internal}/answers?interaction={answer.headers['x-interaction-id']}"
    wait_until("its row", lambda: httpx.delete(purged).status_code == 200)
    assert Shopper(one).ask(WHAT).headers["x-cache"] == "miss"
    engine.dispose()


def test_a_new_gateway_with_an_empty_cache_knows_what_is_in_quarantine(
    database_url: str, start_gateway: Start, stub: StubReplica, engine: Engine, gateway: str
) -> None:
    vote_down(gateway, engine)
    successor = start_gateway(replicas=stub.url, database_url=database_url)
    stub.answer = "second"

    def is_anew() -> bool:  # it answers before it has read the table
        return text_of(Shopper(successor).ask(WHAT)).endswith("second") and (
            stub.headers[-1].get(HEADER) == "1"
        )

    wait_until("the attempt", is_anew, 10)
