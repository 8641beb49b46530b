"""Who may erase whom, by which address, and what an erasure does when a server is away."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from sqlalchemy import create_engine, select, text

from gateway.cli.pseudonyms import rows_by_key
from gateway.identity.callers import hash_key
from gateway.identity.pseudonyms import Pseudonyms, key_id
from gateway.log.schema.privacy_tables import audit, tombstones
from tests.support.asking import chat, photo, post, rows, text_of
from tests.support.servers import gateway_process, redis_server, wait_until
from tests.support.stub_replica import StubReplica
from tests.support.traces import traces

Start = Callable[..., str]
KEYS = f"shop {hash_key('key-1')}\nrival {hash_key('key-2')}"
SHOP, RIVAL = ({"authorization": f"Bearer key-{n}"} for n in (1, 2))


@pytest.fixture
def settings(stub: StubReplica, tmp_path: Path) -> dict[str, Any]:
    images = tmp_path / "images"
    return {"replicas": stub.url, "api_keys": KEYS, "pseudonym_key": "key", "image_dir": images}


@pytest.fixture
def gateway(start_gateway: Start, settings: dict[str, Any]) -> str:
    return start_gateway(**settings)


@pytest.fixture
def log_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'log.db'}"


def ask(url: str, user: str | None, question: str, **headers: str) -> httpx.Response:
    answer = post(url, chat(question, user=user), **(headers or SHOP))
    assert answer.status_code == 200, answer.text
    return answer


def erase(url: str, user: str, **headers: str) -> httpx.Response:
    address = f"{url}/v1/users/{quote(user, safe='')}/data"
    return httpx.delete(address, headers=headers or SHOP, timeout=30)


def questions(log_url: str) -> list[str]:
    return [row["question"] for row in rows(log_url) if row["question"]]


@pytest.mark.parametrize(
    "user",
    [
        "alice",
        "a/b/data",
        "a%2Fb",
        "张 伟",
        "a?b#c&d",
        "me",
        "a/..b",
        "x" * 511,
        "\t|'\"",
        "a\nb/data\r",
    ],
)
def test_an_id_may_hold_any_characters(gateway: str, log_url: str, user: str) -> None:
    ask(gateway, user, "mine?")
    ask(gateway, user + "2", "another's?")
    rows(log_url)
    assert erase(gateway, user).json()["interactions"] == 1
    assert questions(log_url) == ["another's?"]
    done = [row for row in rows(log_url) if row["kind"] == "erasure"]
    assert [row["route"] for row in done] == ["/v1/users/{id}/data"]


def test_an_empty_id_is_nobody_s(gateway: str) -> None:
    answer = erase(gateway, "")
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (400, "invalid_field", "user")


def test_a_tenant_erases_its_own_users_only(gateway: str, log_url: str) -> None:
    ask(gateway, "alice", "mine?")
    rows(log_url)
    assert erase(gateway, "alice", **RIVAL).json()["interactions"] == 0
    assert erase(gateway, "alice", authorization="Bearer wrong").status_code == 401
    anonymous = httpx.delete(f"{gateway}/v1/users/alice/data")
    assert (anonymous.status_code, anonymous.json()["error"]["code"]) == (401, "invalid_api_key")
    assert questions(log_url) == ["mine?"]


def test_a_shopper_without_a_key_erases_itself_by_its_cookie(
    gateway: str, log_url: str, tmp_path: Path
) -> None:
    path = "/v1/chat/completions"
    with httpx.Client(base_url=gateway) as one, httpx.Client(base_url=gateway) as other:
        assert one.delete("/v1/users/me/data").status_code == 401, "nobody knows who that is"
        for client, question in ((one, "mine?"), (other, "another's?")):
            text_of(client.post(path, json=chat(question, photo())))
            client.post("/v1/images", content=photo(), headers={"content-type": "image/jpeg"})
        rows(log_url)
        assert len([file for file in (tmp_path / "images").rglob("*") if file.is_file()]) == 2
        told = one.delete("/v1/users/me/data").json()
        assert (told["interactions"], told["images"]) == (2, 1)
        assert len([file for file in (tmp_path / "images").rglob("*") if file.is_file()]) == 1
        assert questions(log_url) == ["another's?"]
        text_of(one.post(path, json=chat("asked again?")))
    assert "asked again?" in questions(log_url)


def test_the_bytes_are_gone_from_the_files_of_the_embedded_default(
    gateway: str, log_url: str, tmp_path: Path
) -> None:
    ask(gateway, "alice", "canary4711?")
    ask(gateway, "bob", "bob's?")
    rows(log_url)
    assert traces("canary4711", log_url, tmp_path)
    assert erase(gateway, "alice").json()["pending"] == []
    assert traces("canary4711", log_url, tmp_path) == []
    assert ask(gateway, "alice", "canary4711?").headers["x-cache"] == "miss", "not in memory either"
    assert ask(gateway, "bob", "bob's?").headers["x-cache"] == "hit"


def test_erasing_twice_finds_nothing_the_second_time(gateway: str, log_url: str) -> None:
    ask(gateway, "alice", "mine?")
    rows(log_url)
    counts = ("interactions", "cached_answers", "images", "feedback", "dead_letters")
    first, second = (erase(gateway, "alice").json() for _ in range(2))
    assert [first[name] for name in counts] == [1, 1, 0, 0, 0]
    assert [second[name] for name in counts] == [0, 0, 0, 0, 0]


def test_what_was_erased_is_in_the_audit_without_the_id(gateway: str, log_url: str) -> None:
    ask(gateway, "alice", "mine?")
    rows(log_url)
    erase(gateway, "alice")
    engine = create_engine(log_url)
    with engine.connect() as connection:
        entries = connection.execute(select(audit).order_by(audit.c.audit_id)).all()
        buried = connection.execute(select(tombstones)).all()
    engine.dispose()
    name = Pseudonyms("key").of("shop", "alice")
    assert [entry.action for entry in entries] == ["erasure begun", "erasure ended"]
    assert {(entry.tenant, entry.subject) for entry in entries} == {("shop", name)}
    assert {entry.actor for entry in entries} == {f"key:{hash_key('key-1')[:12]}"}
    assert json.loads(entries[1].details)["interactions"] == 1
    assert [(stone.kind, stone.subject) for stone in buried] == [("user", name)]


def test_rows_of_an_older_pseudonym_key_are_found(
    start_gateway: Start, settings: dict[str, Any], log_url: str
) -> None:
    before = start_gateway(**settings | {"pseudonym_key": "old"})
    ask(before, "alice", "before the rotation?")
    after = start_gateway(**settings | {"pseudonym_key": "new\nold"})
    ask(after, "alice", "after it?")
    names = {row["user_pseudonym"] for row in rows(log_url)}
    assert names == set(Pseudonyms("new old").every("shop", "alice"))
    engine = create_engine(log_url)
    assert {name: rows for name, (rows, _) in rows_by_key(engine).items()} == {
        key_id("new"): 1,
        key_id("old"): 1,
    }
    engine.dispose()
    assert erase(after, "alice").json()["interactions"] == 2
    assert questions(log_url) == []


def test_an_upload_that_names_nobody_goes_with_the_only_one_who_asked_about_it(
    gateway: str, log_url: str
) -> None:
    def upload(seed: int) -> str:
        answer = httpx.post(f"{gateway}/v1/images", content=photo(seed), headers=SHOP)
        name: str = answer.json()["id"]
        return name

    own, shared, anybodys = upload(1), upload(2), upload(3)
    asks = ("alice", own), ("alice", shared), ("bob", shared), ("alice", anybodys), (None, anybodys)
    for user, name in asks:
        body = chat("what?", user=user)
        part = {"type": "image_url", "image_url": {"url": name}}
        body["messages"][0]["content"].insert(0, part)
        text_of(post(gateway, body, **SHOP))
    rows(log_url)
    told = erase(gateway, "alice").json()
    assert (told["images"], told["interactions"]) == (1, 4), "her asks, and the upload's own row"
    about = [{"image_id": name, "prompt": "and?"} for name in (own, shared, anybodys)]
    assert [post(gateway, body, **SHOP).status_code for body in about] == [404, 200, 200]


def test_without_the_database_nothing_is_erased_and_it_can_be_sent_again(
    gateway: str, log_url: str
) -> None:
    ask(gateway, "alice", "mine?")
    rows(log_url)
    engine = create_engine(log_url)
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE tombstones RENAME TO away"))
    answer = erase(gateway, "alice")
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "erasure_incomplete")
    assert answer.headers["retry-after"]
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE away RENAME TO tombstones"))
    engine.dispose()
    assert questions(log_url) == ["mine?"]
    assert erase(gateway, "alice").json()["interactions"] == 1


def test_without_redis_it_is_incomplete_and_can_be_sent_again(
    start_gateway: Start, settings: dict[str, Any], log_url: str, tmp_path: Path
) -> None:
    with redis_server(tmp_path) as server:
        gateway = start_gateway(**settings, redis_url=server.url)
        ask(gateway, "alice", "canary4711?")
        rows(log_url)
        server.process.kill()
        server.process.wait()
        answer = erase(gateway, "alice")
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "erasure_incomplete")
        assert questions(log_url) == ["canary4711?"], "by it the cached answer is found"
        with redis_server(tmp_path, server.port):
            wait_until("redis again", lambda: erase(gateway, "alice").status_code == 200)
    assert questions(log_url) == []


def test_a_spool_that_nobody_can_read_is_told_of(gateway: str, tmp_path: Path) -> None:
    damaged = tmp_path / "spool" / "20261122T000000-00000000.damaged"
    damaged.mkdir()
    answer = erase(gateway, "alice")
    assert answer.status_code == 202
    assert answer.json()["pending"] == [damaged.name]


@pytest.fixture
def internal(stub: StubReplica, tmp_path: Path) -> Iterator[Any]:
    environment = {"REPLICAS": stub.url, "REDIS_URL": "", "IMAGE_DIR": str(tmp_path / "images")}
    with gateway_process(tmp_path, **environment) as server:
        yield server


def test_ops_erase_whoever_asks_them_to_by_the_administration(
    internal: Any, log_url: str, tmp_path: Path
) -> None:
    ask(internal.url, "alice", "canary4711?")
    rows(log_url)
    where = f"{internal.admin}/users"
    told = httpx.delete(where, params={"tenant": "public", "user": "alice"}).json()
    assert told["interactions"] == 1
    assert traces("canary4711", log_url, tmp_path) == []
    assert traces("alice", log_url, tmp_path) == [], "not in the log file either"


def test_a_form_s_question_goes_with_the_user_that_it_names(gateway: str, log_url: str) -> None:
    form = {"question": "mine?", "user": "alice"}
    answer = httpx.post(f"{gateway}/v1/ask", data=form, files={"photo": photo()}, headers=SHOP)
    assert text_of(answer)
    (row,) = rows(log_url)
    assert row["user_pseudonym"] == Pseudonyms("key").of("shop", "alice")
    assert erase(gateway, "alice").json()["interactions"] == 1
    assert questions(log_url) == []
    too_long = {"question": "mine?", "user": "a" * 513}
    refused = httpx.post(f"{gateway}/v1/ask", data=too_long, files={"photo": photo()})
    assert refused.json()["error"]["param"] == "user"
