"""What names a person is neither kept nor shared: no name and no value of Redis holds it, and
nobody else is given it."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
import redis

from contract.text.canonical import canonical
from gateway.cache.answers import PREFIX as ANSWERS
from gateway.cache.lease import PREFIX as FLIGHTS
from gateway.limits.ledger import GATEWAYS
from tests.support.asking import chat, photo, post, rows, text_of
from tests.support.servers import gateway_server, wait_until
from tests.support.stub_replica import StubReplica, stub_replica
from tests.support.traces import traces

Start = Callable[..., str]
PHONE = "13812345678"
SECRETS = {
    "phone": f"我的电话是{PHONE}",
    "dressed phone": "我的电话是１３８１２３４５６７８",
    "Chinese digits": "我的电话是一三八一二三四五六七八",
    "e-mail": "answer to canary@example.com",
    "identity card": "身份证11010519491231002X",
    "WeChat": "加微信 canary_4711",
}


@pytest.fixture
def client(redis_url: str) -> redis.Redis:
    return redis.Redis.from_url(redis_url)


@pytest.fixture
def pair(start_gateway: Start, stub: StubReplica, redis_url: str) -> list[str]:
    settings = {"redis_url": redis_url}
    return [start_gateway(replicas=stub.url, **settings) for _ in range(2)]


@pytest.fixture(scope="module")
def standing(
    tmp_path_factory: pytest.TempPathFactory, redis_running: str
) -> Iterator[tuple[list[str], StubReplica]]:
    """A pair that many tests ask, and its replica: what is never kept leaves nothing behind."""
    home = tmp_path_factory.mktemp("pair")
    (home / "rules").mkdir()  # of a shop that answers those who name accounts and papers, too
    rules = 'version = "1"\n[actions]\nadvert = "flag"\nillegal = "flag"\n'
    (home / "rules" / "1.toml").write_text(rules)
    settings = {"redis_url": redis_running, "moderation_rules": str(home / "rules")}
    with (
        stub_replica() as replica,
        gateway_server(home, replicas=replica.url, **settings) as first,
        gateway_server(home, replicas=replica.url, **settings) as second,
    ):
        yield [first, second], replica


def everything_in(client: redis.Redis) -> str:
    """All names and values, but for the list of gateways that share limits."""
    found: list[str] = []
    for name in client.scan_iter("*"):
        if name == GATEWAYS.encode():
            continue
        kind = client.type(name)
        value: Any = client.get(name) if kind == b"string" else None
        value = client.hgetall(name) if kind == b"hash" else value
        value = client.xrange(name) if kind == b"stream" else value
        found.append(f"{name.decode()} {_text(value)}")
    return "\n".join(found)


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, dict):
        return " ".join(map(_text, [*value.keys(), *value.values()]))
    if isinstance(value, list | tuple):
        return " ".join(map(_text, value))
    return str(value)


def conversation(secret: str, role: str) -> dict[str, Any]:
    body = chat("and the price?")
    body["messages"][:0] = [
        {"role": "user", "content": secret if role == "user" else "hi"},
        {"role": "assistant", "content": secret if role == "assistant" else "hello"},
    ]
    return body


def schema(secret: str) -> dict[str, Any]:
    field = {"type": "object", "properties": {"a": {"type": "string", "description": secret}}}
    wanted = {"type": "json_schema", "json_schema": {"name": "card", "schema": field}}
    return chat("what?", response_format=wanted)


PLACES: dict[str, Callable[[str], dict[str, Any]]] = {
    "question": chat,
    "earlier question": lambda secret: conversation(secret, "user"),
    "earlier answer": lambda secret: conversation(secret, "assistant"),
    "schema": schema,
    "stop": lambda secret: chat("what?", stop=[secret]),
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", SECRETS)
def test_a_person_s_words_never_come_to_redis(
    standing: tuple[list[str], StubReplica],
    client: redis.Redis,
    kind: str,
    place: str,
    stream: bool,
) -> None:
    pair, replica = standing
    replica.calls.clear()
    secret = SECRETS[kind]
    body = {**PLACES[place](secret), "stream": stream}
    first, again = (post(url, body) for url in pair)
    assert text_of(first) == text_of(again)
    if place == "question":
        # Who has asked sees its answer as it is.
        assert canonical(secret).rstrip("?？")[-8:] in text_of(first)
    assert [answer.headers["x-cache"] for answer in (first, again)] == ["miss", "miss"]
    assert len(replica.calls) == 2
    assert everything_in(client) == ""


def test_of_others_the_question_is_kept(pair: list[str], client: redis.Redis) -> None:
    assert text_of(post(pair[0], chat("what?")))
    assert post(pair[1], chat("what?")).headers["x-cache"] == "hit"
    assert "What?" in everything_in(client)


ANSWER = f"快递标签上写着手机{PHONE[:3]} {PHONE[3:7]} {PHONE[7:]}，产地广州。"


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_that_names_a_person_is_its_asker_s_alone(
    pair: list[str], stub: StubReplica, client: redis.Redis, stream: bool
) -> None:
    stub.answer = ANSWER
    stub.delay_s = 0.7
    seen: list[str] = []
    body = chat("what is on the label?", photo(), stream=stream)
    with ThreadPoolExecutor(6) as threads:
        asked = [threads.submit(post, pair[n % 2], body) for n in range(6)]
        while not all(answer.done() for answer in asked):
            seen.append(everything_in(client))
    answers = [answer.result() for answer in asked]
    # Each has computed it: whoever followed another's computation first has gone on alone.
    assert {text_of(answer) for answer in answers} == {"关于" + ANSWER}
    assert len(stub.calls) == 6
    seen.append(everything_in(client))
    assert FLIGHTS in "".join(seen)
    for piece in (PHONE, ANSWER[9:15], PHONE[3:7], PHONE[7:]):
        assert piece not in "".join(seen)
    assert ANSWERS not in seen[-1]
    assert not [name for name in client.scan_iter("*") if client.type(name) == b"stream"]
    # Who asks now has an answer of its own, too.
    assert post(pair[1], body).headers["x-cache"] == "miss"
    assert len(stub.calls) == 7


@pytest.mark.parametrize("pieces", [1, 2, 3, 5])
def test_within_one_process_it_is_not_shared_either(
    start_gateway: Start, stub: StubReplica, pieces: int
) -> None:
    gateway = start_gateway(replicas=stub.url)
    stub.opening = ANSWER[: 9 + pieces]  # broken off within the number
    stub.answer = ANSWER[9 + pieces :]
    stub.delay_s = 0.5
    heard: list[str] = []

    def ask(_: int) -> str:
        body = chat("what is on the label?", photo(), stream=True)
        path = f"{gateway}/v1/chat/completions"
        with httpx.stream("POST", path, json=body, timeout=30) as answer:
            lines = list(answer.iter_lines())
        heard.append(answer.headers["x-cache"])
        return "".join(lines)

    with ThreadPoolExecutor(4) as threads:
        said = list(threads.map(ask, range(4)))
    assert len(stub.calls) == 4
    assert all("产地广州" in text and "error" not in text for text in said)
    assert post(gateway, chat("what is on the label?", photo())).headers["x-cache"] == "miss"


def test_the_log_has_no_key_of_a_person_s_question(
    start_gateway: Start, stub: StubReplica, tmp_path: Any
) -> None:
    gateway = start_gateway(replicas=stub.url)
    post(gateway, chat(SECRETS["phone"]))
    post(gateway, chat("what?"))
    hers, other = rows(f"sqlite:///{tmp_path / 'log.db'}")
    assert hers["answer_key"] is None
    assert other["answer_key"]
    assert not traces(PHONE, f"sqlite:///{tmp_path / 'log.db'}", tmp_path)


@pytest.mark.parametrize("form", ["", "2"])
def test_answers_of_an_old_form_are_deleted_when_a_gateway_starts(
    start_gateway: Start, stub: StubReplica, redis_url: str, client: redis.Redis, form: str
) -> None:
    old = [f"shopsight:answer{form}:rev:{'d' * 64}:{n:064}" for n in range(1200)]
    old += [f"shopsight:flight{form}:{'e' * 64}", f"shopsight:flight{form}:{'e' * 64}:{'f' * 32}"]
    client.mset(dict.fromkeys(old, f"{PHONE}"))
    others = {f"{ANSWERS}:{{d}}:rev:photo": "1", f"{FLIGHTS}:{{x}}": "1", "shopsight:w": "1"}
    client.mset(others)
    start_gateway(replicas=stub.url, redis_url=redis_url)
    wait_until("deleted", lambda: client.exists(*old) == 0)
    assert client.exists(*others) == len(others)
    assert PHONE not in everything_in(client)


@pytest.mark.parametrize("form", ["", "2"])
def test_an_erasure_finds_an_answer_of_an_old_form(
    start_gateway: Start,
    stub: StubReplica,
    redis_url: str,
    client: redis.Redis,
    tmp_path: Any,
    form: str,
) -> None:
    gateway = start_gateway(replicas=stub.url, redis_url=redis_url)
    with httpx.Client(base_url=gateway) as shopper:
        answer = shopper.post("/v1/chat/completions", json=chat("what?", photo()))
        assert text_of(answer)
        wait_until("the new form", lambda: len(list(client.scan_iter(f"{ANSWERS}:*"))) == 1)
        (name,) = (name.decode() for name in client.scan_iter(f"{ANSWERS}:*"))
        _, _, digest, revision, image = name.split(":")
        client.set(f"shopsight:answer{form}:{revision}:{image}:{digest.strip('{}')}", "canary")
        rows(f"sqlite:///{tmp_path / 'log.db'}")
        erased = shopper.delete("/v1/users/me/data")
        assert erased.json()["cached_answers"] == 2
    assert "canary" not in everything_in(client)
