"""Limits at running gateways: who is refused, what it is told, and that ops change them."""

import socket
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from redis import Redis
from sqlalchemy import Engine, create_engine, select

from gateway.access.key_table import create_key
from gateway.access.limit_table import set_limits
from gateway.identity.callers import hash_key
from gateway.identity.scopes import USUAL
from gateway.log.schema.access_tables import daily_use, key_audit
from tests.support.asking import chat, photo, post, text_of
from tests.support.batches import CHAT, jsonl, new_key, question, send, settings_of, shop
from tests.support.command_line import shopsight
from tests.support.migrating import migrate
from tests.support.servers import wait_until
from tests.support.stub_replica import StubReplica

Start = Callable[..., str]
KEYS = f"acme {hash_key('one')}\nacme {hash_key('two')}\nrival {hash_key('three')}"
ONE, TWO, THREE = ({"authorization": f"Bearer {key}"} for key in ("one", "two", "three"))
SLOW = "questions_per_s=0.01 burst=8"


@pytest.fixture
def log_url(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path / 'log.db'}"
    migrate(url)
    return url


def passed(url: str, times: int, **headers: str) -> list[httpx.Response]:
    """Of so many questions, one after the other, those that were refused."""
    answers = [post(url, chat("真皮吗?"), **headers) for _ in range(times)]
    assert {answer.status_code for answer in answers} <= {200, 429}
    return [answer for answer in answers if answer.status_code == 429]


def test_a_burst_is_let_through_and_then_refused_in_the_asker_s_language(
    start_gateway: Start, stub: StubReplica
) -> None:
    gateway = start_gateway(replicas=stub.url, address_limits=SLOW)
    refused = passed(gateway, 20)
    assert len(refused) == 12
    assert refused[0].headers["x-ratelimit-limit-requests"] == "8"
    assert refused[0].headers["x-ratelimit-remaining-requests"] == "0"
    assert refused[0].headers["x-ratelimit-reset-requests"].endswith("s")
    assert 1 <= int(refused[0].headers["retry-after"]) <= 60
    for language, word in (("zh-CN", "频繁"), ("en", "too often")):
        (answer,) = passed(gateway, 1, **{"accept-language": language})
        assert word in answer.json()["error"]["message"]
        assert answer.json()["error"]["code"] == "rate_limited"
    uploaded = httpx.post(f"{gateway}/v1/images", content=photo())
    assert uploaded.status_code == 429, "of every kind"


def test_a_forged_address_is_no_way_around(start_gateway: Start, stub: StubReplica) -> None:
    gateway = start_gateway(replicas=stub.url, address_limits=SLOW)
    headers = ({"x-forwarded-for": f"198.51.100.{n}", "x-real-ip": f"{n}"} for n in range(12))
    answers = [post(gateway, chat("真皮吗?"), **each) for each in headers]
    assert [answer.status_code for answer in answers] == [200] * 8 + [429] * 4


def test_behind_a_proxy_of_ours_each_client_has_its_own(
    start_gateway: Start, stub: StubReplica
) -> None:
    gateway = start_gateway(replicas=stub.url, address_limits=SLOW, trusted_proxies="127.0.0.0/8")
    assert len(passed(gateway, 10, **{"x-forwarded-for": "198.51.100.1"})) == 2
    assert passed(gateway, 8, **{"x-forwarded-for": "198.51.100.2"}) == []


def test_a_session_is_limited_beside_its_address(start_gateway: Start, stub: StubReplica) -> None:
    gateway = start_gateway(replicas=stub.url, session_limits=SLOW)
    path = f"{gateway}/v1/chat/completions"
    with httpx.Client() as one, httpx.Client() as other:
        statuses = [one.post(path, json=chat("真皮吗?")).status_code for _ in range(12)]
        assert statuses == [200] * 9 + [429] * 3, "the first had no session yet"
        assert other.post(path, json=chat("真皮吗?")).status_code == 200


def test_more_keys_of_a_tenant_are_no_way_to_more(start_gateway: Start, stub: StubReplica) -> None:
    gateway = start_gateway(replicas=stub.url, api_keys=KEYS, tenant_limits=SLOW)
    assert len(passed(gateway, 6, **ONE)) + len(passed(gateway, 6, **TWO)) == 4
    assert passed(gateway, 8, **THREE) == []


def test_gateways_share_a_limit_through_redis_and_each_keeps_it_while_redis_is_away(
    start_gateway: Start, stub: StubReplica, redis_url: str
) -> None:
    settings = {
        "replicas": stub.url,
        "redis_url": redis_url,
        "session_secret": "s",
        "address_limits": "questions_per_s=0.001 burst=40",
    }
    gateways = [start_gateway(**settings) for _ in range(2)]
    let_through = sum(40 - len(passed(gateway, 40)) for gateway in gateways)
    assert 40 <= let_through <= 60, "40, and what each has on credit"
    with Redis.from_url(redis_url) as client:
        names = [name.decode() for name in client.scan_iter("shopsight:limit:*")]
        assert names
        assert all(client.pttl(name) > 0 for name in names)
        assert "127.0.0.1" not in " ".join(names)
    alone = start_gateway(**settings | {"redis_url": "redis://127.0.0.1:9/0"})
    assert len(passed(alone, 60)) == 20


def test_a_hit_costs_no_command_of_redis_beside_the_look_up(
    start_gateway: Start, stub: StubReplica, redis_url: str
) -> None:
    gateway = start_gateway(
        replicas=stub.url,
        redis_url=redis_url,
        address_limits="questions_per_s=1000 burst=4000",
    )
    text_of(post(gateway, chat("真皮吗?")))
    with Redis.from_url(redis_url) as client:
        before = client.info("commandstats")
        for _ in range(100):
            assert post(gateway, chat("真皮吗?")).headers["x-cache"] == "hit"
        after = client.info("commandstats")

    def calls(name: str) -> int:
        stats = [each.get(f"cmdstat_{name}", {"calls": 0})["calls"] for each in (before, after)]
        return int(stats[1] - stats[0])

    assert calls("get") >= 100
    assert calls("evalsha") + calls("eval") <= 2


def test_what_goes_past_the_cache_is_counted_and_takes_nobody_s_answer(
    start_gateway: Start, stub: StubReplica
) -> None:
    limits = "recomputes_per_minute=10 questions_per_s=1000"
    gateway = start_gateway(replicas=stub.url, address_limits=limits, api_keys=KEYS)
    stub.opening = "第一次"
    first = text_of(post(gateway, chat("真皮吗?")))
    stub.opening = "第二次"
    ways = ["no-cache", "no-store", "max-age=0"] * 5
    time.sleep(1.1)  # until the answer is older than a `max-age` of 0
    answers = [post(gateway, chat("真皮吗?"), **{"cache-control": way}) for way in ways]
    statuses = [answer.status_code for answer in answers]
    assert statuses == [200] * 10 + [429] * 5
    assert answers[-1].headers["x-ratelimit-limit-recomputes"] == "10"
    assert all("第二次" in text_of(answer) for answer in answers[:10])
    assert len(stub.calls) == 11
    again = post(gateway, chat("真皮吗?"))
    assert (again.headers["x-cache"], text_of(again)) == ("hit", first)
    # With a key it is the tenant's own cache.
    for way in ways:
        assert post(gateway, chat("真皮吗?"), **{"cache-control": way}, **ONE).status_code == 200


def test_a_large_schema_needs_a_key(start_gateway: Start, stub: StubReplica) -> None:
    gateway = start_gateway(replicas=stub.url, api_keys=KEYS)
    schema = {"type": "object", "properties": {f"p{n:04}": {"type": "string"} for n in range(80)}}
    body = chat("什么材质?")
    body["response_format"] = {
        "type": "json_schema",
        "json_schema": {"name": "a", "schema": schema},
    }
    answer = post(gateway, body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_schema")
    assert "API" in answer.json()["error"]["message"]
    assert post(gateway, body, **ONE).status_code == 200
    del schema["properties"]
    assert post(gateway, body).status_code == 200


@pytest.mark.parametrize("what", ["tokens", "bytes"])
def test_a_day_s_allowance_ends_and_hits_cost_no_tokens(
    start_gateway: Start, stub: StubReplica, keys: Engine, database_url: str, what: str
) -> None:
    made = create_key(keys, "acme", USUAL, None)
    headers = {"authorization": f"Bearer {made.key}"}
    limit = {"tokens": "tokens_per_day=45", "bytes": "bytes_per_day=900"}[what]
    settings = {"replicas": stub.url, "database_url": database_url, "tenant_limits": limit}
    gateway = start_gateway(**settings)
    last: list[httpx.Response] = []

    def refuses() -> bool:
        last[:] = [post(gateway, chat(f"第{len(stub.calls)}个?"), **headers)]
        return last[0].status_code == 429

    wait_until("the allowance is used up", refuses)
    if what == "tokens":
        assert len(stub.calls) == 5, "ten tokens each, the last one begun within it"
    (refused,) = last
    assert refused.json()["error"]["code"] == "quota_exceeded"
    assert refused.headers["x-should-retry"] == "false"
    assert f"x-ratelimit-limit-{what}" in refused.headers
    assert 0 < int(refused.headers["retry-after"]) <= 86_400

    def total() -> int:
        with keys.connect() as connection:
            rows = connection.execute(select(daily_use)).all()
        return sum(getattr(row, what) for row in rows if row.account == "tenant:acme")

    wait_until("it is in the table", lambda: total() > 0)
    # Another gateway learns of it, and so does the same one after a restart.
    again = start_gateway(**settings)
    wait_until(
        "the other one knows", lambda: post(again, chat("新问题?"), **headers).status_code == 429
    )


def used_up(client: httpx.Client, url: str) -> httpx.Response:
    """Ask until the day's allowance ends. The last answer of before."""
    answers: list[httpx.Response] = []

    def refused() -> bool:
        body = chat(f"第{len(answers)}个?")
        answers.append(client.post(f"{url}/v1/chat/completions", json=body))
        return answers[-1].status_code == 429

    wait_until("the allowance is used up", refused)
    assert answers[-1].json()["error"]["code"] == "quota_exceeded"
    return answers[-2]


def test_who_has_used_up_the_day_may_still_vote_and_be_erased(
    start_gateway: Start, stub: StubReplica
) -> None:
    gateway = start_gateway(replicas=stub.url, session_limits="tokens_per_day=15")
    with httpx.Client() as shopper:
        answer = used_up(shopper, gateway)
        vote = {"interaction_id": answer.headers["x-interaction-id"], "vote": "up"}
        headers = {"idempotency-key": "of this vote"}
        for _ in range(2):
            voted = shopper.post(f"{gateway}/v1/feedback", json=vote, headers=headers)
            assert voted.status_code == 202, voted.text
        erased = shopper.delete(f"{gateway}/v1/users/me/data")
        assert erased.status_code in (200, 202), erased.text


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_who_has_used_up_the_day_may_still_fetch_cancel_and_delete(
    start_gateway: Start, stub: StubReplica, tmp_path: Path, database_url: str
) -> None:
    key = new_key(database_url, "acme")
    settings = settings_of(tmp_path, database_url, stub.url) | {"batch_concurrency": 0}
    gateway = start_gateway(**settings, tenant_limits="tokens_per_day=15")
    merchant = shop(gateway, key)
    file = merchant.files.create(file=jsonl([question(1, "x")]), purpose="batch")
    batch = merchant.batches.create(input_file_id=file.id, endpoint=CHAT, completion_window="24h")
    with httpx.Client(headers={"authorization": f"Bearer {key}"}) as client:
        used_up(client, gateway)
    assert [each.id for each in merchant.files.list()] == [file.id]
    assert merchant.files.content(file.id).content
    assert merchant.batches.cancel(batch.id).status in ("cancelling", "cancelled")
    assert merchant.files.delete(file.id).deleted


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_asks_no_model_now_needs_no_tokens_of_the_day_but_its_bytes(
    start_gateway: Start, stub: StubReplica, tmp_path: Path, database_url: str
) -> None:
    """A batch has a day's tokens of its own, and photos may be brought for one."""
    key = new_key(database_url, "acme")
    settings = settings_of(tmp_path, database_url, stub.url) | {"batch_concurrency": 0}
    gateway = start_gateway(**settings, tenant_limits="tokens_per_day=15 bytes_per_day=60000")
    merchant = shop(gateway, key)
    with httpx.Client(headers={"authorization": f"Bearer {key}"}) as client:
        used_up(client, gateway)
        uploaded = client.post(f"{gateway}/v1/images", content=photo())
        assert uploaded.status_code == 201, uploaded.text
    assert not merchant.moderations.create(input="真皮吗?").results[0].flagged
    made = send(merchant, [question(1, "x")])
    assert made.status == "validating"
    merchant.files.create(file=jsonl([question(1, "x" * 60_000)]), purpose="batch")
    with pytest.raises(openai.RateLimitError) as refused:
        merchant.batches.create(
            input_file_id=made.input_file_id, endpoint=CHAT, completion_window="24h"
        )
    assert refused.value.code == "quota_exceeded"
    assert refused.value.response.headers["x-ratelimit-limit-bytes"] == "60000"


def told_of(gateway: str, declared: int, sent: int = 0, fields: str = "") -> str:
    """What is answered to the head of a question of so many bytes, of which so many come."""
    head = (
        "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        f"Content-Length: {declared}\r\n{fields}\r\n"
    )
    port = int(gateway.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
        client.sendall(head.encode() + b" " * sent)
        if sent < declared and "Expect" not in fields:
            client.shutdown(socket.SHUT_WR)
        told = b""
        while b"\r\n\r\n" not in told and (piece := client.recv(4096)):
            told += piece
    return told.decode()


def test_bytes_that_are_declared_and_never_come_are_not_charged(
    start_gateway: Start, stub: StubReplica
) -> None:
    gateway = start_gateway(replicas=stub.url, address_limits="bytes_per_day=20e6")
    for declared in (2_900_000_000, 19_000_000, 15_000_000, 21_000_000):
        told = told_of(gateway, declared, fields="Expect: 100-continue\r\n")
        assert told.startswith("HTTP/1.1 413 "), told
    for _ in range(3):
        told_of(gateway, 12_000_000, sent=100)
    text_of(post(gateway, chat("真皮吗?")))


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("fields", ["", "Idempotency-Key: of this question\r\n"])
@pytest.mark.parametrize(("declared", "sent"), [(9_000_000, 4_000_000), (15_000_000, 15_000_000)])
def test_bytes_that_have_come_are_charged_whether_the_body_was_read_or_refused(
    start_gateway: Start,
    stub: StubReplica,
    database_url: str,
    keys: Engine,
    declared: int,
    sent: int,
    fields: str,
) -> None:
    limits = "bytes_per_day=100e6"
    gateway = start_gateway(replicas=stub.url, database_url=database_url, address_limits=limits)
    told_of(gateway, declared, sent, fields)

    def charged() -> int:
        with keys.connect() as connection:
            return sum(row.bytes for row in connection.execute(select(daily_use)))

    wait_until("it is in the table", lambda: charged() > 0)
    assert charged() == sent


def test_a_body_larger_than_what_is_left_is_the_day_s_last(
    start_gateway: Start, stub: StubReplica
) -> None:
    gateway = start_gateway(replicas=stub.url, address_limits="bytes_per_day=900")
    text_of(post(gateway, chat("真皮吗?" * 200)))
    refused = post(gateway, chat("真皮吗?"))
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "quota_exceeded")
    assert refused.headers["x-ratelimit-limit-bytes"] == "900"
    assert refused.headers["x-ratelimit-remaining-bytes"] == "0"


@pytest.fixture
def keys(engine: Engine, database_url: str) -> Engine:
    migrate(database_url)
    return engine


def test_ops_change_limits_of_a_tenant_and_of_a_key_without_a_restart(
    start_gateway: Start, stub: StubReplica, log_url: str
) -> None:
    gateway = start_gateway(replicas=stub.url, api_keys=KEYS)
    assert passed(gateway, 10, **ONE) == []
    env = {"DATABASE_URL": log_url}
    done = shopsight("limits", "set", "tenant:acme", "questions_per_s=0", **env)
    assert done.returncode == 0, done.stderr
    assert "tenant:acme: questions_per_s=0" in done.stdout
    wait_until("the tenant is stopped", lambda: len(passed(gateway, 1, **ONE)) == 1)
    assert passed(gateway, 1, **THREE) == []
    assert shopsight("limits", "clear", "tenant:acme", **env).returncode == 0
    wait_until("it may ask again", lambda: passed(gateway, 1, **ONE) == [])
    engine = create_engine(log_url)
    set_limits(engine, f"key:{hash_key('two')[:12]}", {"questions_per_s": 0})
    wait_until("one key is stopped", lambda: len(passed(gateway, 1, **TWO)) == 1)
    assert passed(gateway, 1, **ONE) == []
    restarted = start_gateway(replicas=stub.url, api_keys=KEYS)
    wait_until("after a restart, too", lambda: len(passed(restarted, 1, **TWO)) == 1)
    with engine.connect() as connection:
        audits = connection.execute(select(key_audit.c.action, key_audit.c.subject)).all()
    engine.dispose()
    assert [tuple(row) for row in audits] == [
        ("limits set", "tenant:acme"),
        ("limits set", "tenant:acme"),
        ("limits set", f"key:{hash_key('two')[:12]}"),
    ]
    mistyped: Any = shopsight("limits", "set", "key:0123456789ab", "burst=1", **env)
    assert "Is it a line of API_KEYS?" in mistyped.stderr
    for wrong in (["set", "acme", "burst=1"], ["set", "tenant:acme", "speed=1"]):
        failed: Any = shopsight("limits", *wrong, **env)
        assert failed.returncode == 1
        assert failed.stderr.count("\n") == 1, failed.stderr


def test_what_a_person_is_counted_under_is_dropped_after_two_days(
    start_gateway: Start, stub: StubReplica, log_url: str
) -> None:
    engine = create_engine(log_url)
    with engine.begin() as connection:
        old = {"day": datetime(2026, 1, 1, tzinfo=UTC).date(), "account": "address:x"}
        connection.execute(daily_use.insert(), {**old, "tokens": 1, "bytes": 1})
    start_gateway(replicas=stub.url)

    def dropped() -> bool:
        with engine.connect() as connection:
            return connection.execute(select(daily_use)).first() is None

    wait_until("old days are gone", dropped)
    engine.dispose()
