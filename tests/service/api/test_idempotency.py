"""Idempotency-Key: what is sent again is answered again, and not done again."""

import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from redis import Redis

from gateway.identity.callers import hash_key
from tests.support.asking import chat, photo, post, rows, text_of
from tests.support.servers import gateway_server, wait_until
from tests.support.stub_replica import StubReplica, stub_replica

Start = Callable[..., str]
KEYS = f"acme {hash_key('one')}\nrival {hash_key('two')}"
ACME, RIVAL = ({"authorization": f"Bearer {key}"} for key in ("one", "two"))
WARM = {"temperature": 0.9}  # computed anew each time


@dataclass
class Standing:
    gateways: list[str]
    replica: StubReplica
    log: str


@pytest.fixture(scope="module", params=["memory", "redis"])
def standing(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Standing]:
    """A gateway on its own, or two that share Redis, and their replica. All tests ask them: each
    has keys of its own."""
    home = tmp_path_factory.mktemp("idempotency")
    with ExitStack() as stack:
        replica = stack.enter_context(stub_replica())
        settings: dict[str, Any] = {
            "replicas": replica.url,
            "api_keys": KEYS,
            "session_secret": "s",
            "pseudonym_key": "p",
            "image_dir": home / "images",
        }
        if request.param == "redis":
            settings["redis_url"] = request.getfixturevalue("redis_running")
        number = 2 if request.param == "redis" else 1
        urls = [stack.enter_context(gateway_server(home, **settings)) for _ in range(number)]
        yield Standing([urls[0], urls[-1]], replica, f"sqlite:///{home / 'log.db'}")


@pytest.fixture
def gateways(standing: Standing) -> list[str]:
    return standing.gateways


@pytest.fixture
def replica(standing: Standing) -> StubReplica:
    """As new, and with no calls yet."""
    fresh = vars(StubReplica())
    vars(standing.replica).update(fresh | {"url": standing.replica.url})
    return standing.replica


def new() -> dict[str, str]:
    return {"idempotency-key": str(uuid.uuid4())}


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


@pytest.mark.parametrize("stream", [False, True])
def test_the_same_request_has_the_same_answer_at_any_gateway_and_is_done_once(
    gateways: list[str], replica: StubReplica, stream: bool
) -> None:
    body, key = chat("真皮吗?", **WARM, stream=stream), new()
    first = post(gateways[0], body, **ACME, **key)
    replica.opening = "另一个"
    again = post(gateways[1], body, **ACME, **key)
    assert text_of(again) == text_of(first)
    assert again.content == first.content
    assert again.headers["x-interaction-id"] == first.headers["x-interaction-id"]
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert len(replica.calls) == 1
    assert "另一个" in text_of(post(gateways[0], body, **ACME, **new()))


def test_another_body_is_a_conflict_in_the_asker_s_language(gateways: list[str]) -> None:
    key = new()
    text_of(post(gateways[0], chat("真皮吗?", **WARM), **ACME, **key))
    for language, word in (("zh", "已用于"), ("en", "was used")):
        headers = {**ACME, **key, "accept-language": language}
        answer = post(gateways[1], chat("帆布吗?", **WARM), **headers)
        assert code(answer) == (409, "idempotency_conflict")
        assert word in answer.json()["error"]["message"]


def test_another_caller_s_key_is_another_key(gateways: list[str], replica: StubReplica) -> None:
    body, key = chat("真皮吗?", **WARM), new()
    for headers in (ACME, RIVAL, {}):
        text_of(post(gateways[0], body, **headers, **key))
    assert len(replica.calls) == 3
    one, two = (httpx.Client(base_url=gateways[0], timeout=30) for _ in range(2))
    with one, two:
        for client in (one, two):
            client.post("/v1/chat/completions", json=chat("先问一个?"))  # its cookie
        for client in (one, two, one):
            text_of(client.post("/v1/chat/completions", json=body, headers=key))
    assert len(replica.calls) == 3 + 1 + 2


def test_while_it_is_under_way_the_second_is_told_to_come_back(
    gateways: list[str], replica: StubReplica
) -> None:
    replica.slow, replica.first_delay_s = True, 3.0
    body, key = chat("真皮吗?", **WARM), new()
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(post, gateways[0], body, **ACME, **key)
        wait_until("it is asked", lambda: len(replica.calls) == 1)
        second = post(gateways[1], body, **ACME, **key)
        assert code(second) == (409, "request_under_way")
        assert second.headers["retry-after"] == "2"
        assert text_of(first.result()) == text_of(post(gateways[1], body, **ACME, **key))
    assert len(replica.calls) == 1


def test_what_failed_or_was_refused_may_be_sent_again(
    gateways: list[str], replica: StubReplica
) -> None:
    body, key = chat("真皮吗?", **WARM), new()
    replica.behaviour = "500"
    assert post(gateways[0], body, **ACME, **key).status_code == 502
    replica.behaviour = "cut"
    cut = post(gateways[1], {**body, "stream": True}, **ACME, **(other := new()))
    assert "error" in cut.text
    replica.behaviour = "answer"
    assert text_of(post(gateways[1], body, **ACME, **key))
    assert text_of(post(gateways[0], {**body, "stream": True}, **ACME, **other))


def test_uploads_and_votes_are_done_once_whatever_the_form_s_boundary(
    standing: Standing,
) -> None:
    gateways, before, key = standing.gateways, len(rows(standing.log)), new()

    def upload(gateway: str, boundary: str, seed: int = 1) -> httpx.Response:
        media = {"content-type": f"multipart/form-data; boundary={boundary}"}
        files = {"photo": ("a.jpg", photo(seed))}
        return httpx.post(f"{gateway}/v1/images", files=files, headers={**ACME, **key, **media})

    first, again = upload(gateways[0], "one-boundary"), upload(gateways[1], "another")
    assert first.status_code == again.status_code == 201
    assert again.headers["x-interaction-id"] == first.headers["x-interaction-id"]
    assert code(upload(gateways[0], "one-boundary", seed=2)) == (409, "idempotency_conflict")
    asked = post(gateways[0], chat("真皮吗?"), **ACME).headers["x-interaction-id"]
    vote, key = {"interaction_id": asked, "vote": "up"}, new()
    votes = [
        httpx.post(f"{gateway}/v1/feedback", json=vote, headers={**ACME, **key}).json()["id"]
        for gateway in gateways
    ]
    assert len(set(votes)) == 1
    kinds = [row["kind"] for row in rows(standing.log)[before:]]
    assert sorted(kinds) == ["ask", "feedback", "upload", "upload"], "the refused one is recorded"


def test_a_boundary_s_letters_in_a_question_are_part_of_it(gateways: list[str]) -> None:
    key = new()

    def ask(gateway: str, question: str, boundary: str = "X") -> httpx.Response:
        media = {"content-type": f"multipart/form-data; boundary={boundary}"}
        files = {"photo": ("a.jpg", photo()), "question": (None, question)}
        return httpx.post(f"{gateway}/v1/ask", files=files, headers={**ACME, **key, **media})

    first = ask(gateways[0], "What colour is this?")
    assert text_of(first)
    for question in ("What colourX is this?", "What colour is this?\r\n--X."):
        assert code(ask(gateways[1], question)) == (409, "idempotency_conflict")
    again = ask(gateways[1], "What colour is this?", "Y")
    assert again.headers["x-interaction-id"] == first.headers["x-interaction-id"]


@pytest.mark.parametrize("key", ["", "x" * 256, "é"])
def test_what_is_no_key_is_refused(gateways: list[str], key: str) -> None:
    header = {"idempotency-key": key.encode("latin-1")}
    answer = httpx.post(
        f"{gateways[0]}/v1/chat/completions",
        json=chat("真皮吗?"),
        headers={**{k: v.encode() for k, v in ACME.items()}, **header},
    )
    assert code(answer) == (400, "invalid_field")
    assert answer.json()["error"]["param"] == "Idempotency-Key"


def test_a_wrong_key_of_the_api_is_refused_first(gateways: list[str]) -> None:
    headers = {"authorization": "Bearer wrong", **new()}
    assert code(post(gateways[0], chat("真皮吗?"), **headers)) == (401, "invalid_api_key")


@pytest.mark.parametrize("end", ["", "%0A"])
def test_a_refusal_is_recorded_as_its_endpoint_does_it(standing: Standing, end: str) -> None:
    gateway = standing.gateways[0]
    paths: dict[str, Any] = httpx.get(f"{gateway}/openapi.json").json()["paths"]
    posts = [path for path, operations in paths.items() if "post" in operations]
    assert {"/v1/ask", "/v1/moderations", "/v1/batches/{batch_id}/cancel"} < set(posts)
    for path in posts:
        before = len(rows(standing.log))
        for headers in ({}, new()):
            url = gateway + path.replace("{batch_id}", "u-secret-17") + end
            answer = httpx.post(url, headers={"authorization": "Bearer wrong", **headers})
            assert code(answer) == (401, "invalid_api_key")
        plain, with_key = (
            [row[name] for name in ("kind", "route", "outcome", "error_code")]
            for row in rows(standing.log)[before:]
        )
        assert with_key == plain
        assert plain[1] == path.replace("batch_id", "id")


@pytest.mark.parametrize("credentials", [ACME, {"authorization": "Bearer wrong"}])
def test_where_nothing_is_posted_the_header_means_nothing(
    standing: Standing, credentials: dict[str, str]
) -> None:
    gateway, before = standing.gateways[0], len(rows(standing.log))
    for path, status in (
        ("/v1/nothing" + "x" * 80, 404),
        ("/v1/batches/a/b/cancel", 404),
        ("/v1/users/u-secret-17/data", 405),
        ("/v1/models", 405),
    ):
        for headers in (new(), {"idempotency-key": "x" * 256}):
            answer = httpx.post(gateway + path, headers={**credentials, **headers})
            assert answer.status_code == status
    assert len(rows(standing.log)) == before


def test_newcomers_are_not_told_apart_so_nothing_of_one_goes_to_another(
    gateways: list[str], replica: StubReplica
) -> None:
    body, key = chat("真皮吗?", **WARM), {"idempotency-key": "order-1"}
    sessions = []
    for agent in ("one", "two", "two"):
        answer = post(gateways[0], body, **key, **{"user-agent": agent})
        assert "idempotency-replayed" not in answer.headers
        sessions.append(answer.headers["x-shopsight-session"])
    assert len(set(sessions)) == len(replica.calls) == 3
    for number, session in enumerate(sessions[:2], 4):
        for gateway in gateways:
            answer = post(gateway, body, **key, **{"x-shopsight-session": session})
            assert text_of(answer)
            assert len(replica.calls) == number
        assert answer.headers["idempotency-replayed"] == "true"


def test_an_erasure_forgets_them(gateways: list[str], replica: StubReplica) -> None:
    body, key = chat("真皮吗?", **WARM, user="u1"), new()
    first = post(gateways[0], body, **ACME, **key)
    assert httpx.delete(f"{gateways[0]}/v1/users/u1/data", headers=ACME).status_code == 200
    again = post(gateways[0], body, **ACME, **key)
    assert again.headers["x-interaction-id"] != first.headers["x-interaction-id"]
    assert len(replica.calls) == 2


def test_who_reads_redis_reads_neither_answers_nor_keys(
    start_gateway: Start, stub: StubReplica, redis_url: str
) -> None:
    gateway = start_gateway(replicas=stub.url, api_keys=KEYS, redis_url=redis_url)
    stub.answer = "canary4711"
    key = new()
    first = post(gateway, chat("真皮吗?", **WARM), **ACME, **key)
    with Redis.from_url(redis_url) as client:
        (name,) = client.keys("shopsight:retry:*")
        stored = repr([name, client.hgetall(name)])
        assert 0 < client.ttl(name) <= 600
    for secret in ("canary4711", key["idempotency-key"], "acme", first.headers["x-request-id"]):
        assert secret not in stored
    assert text_of(post(gateway, chat("真皮吗?", **WARM), **ACME, **key)) == text_of(first)
