"""One computation for equal questions over several gateways and a real Redis."""

import asyncio
import json
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
import redis

from gateway.cache.lease import LEASE_MS
from gateway.cache.lease import PREFIX as LEASES
from gateway.pool.addresses import replica_name
from tests.support.asking import chat, photo, post, rows, text_of
from tests.support.servers import Server, gateway_process, wait_until
from tests.support.stub_replica import StubReplica

Start = Callable[..., str]
PATH = "/v1/chat/completions"
ANSWER = "关于「What?」:好"


@pytest.fixture
def client(redis_url: str) -> redis.Redis:
    return redis.Redis.from_url(redis_url)


@pytest.fixture
def pair(start_gateway: Start, stub: StubReplica, redis_url: str, client: redis.Redis) -> list[str]:
    settings = {"redis_url": redis_url}
    return [start_gateway(replicas=stub.url, **settings) for _ in range(2)]


def ask_all(urls: list[str], count: int, **fields: object) -> list[httpx.Response]:
    with ThreadPoolExecutor(count) as threads:
        asked = [
            threads.submit(post, urls[index % len(urls)], chat("what?", photo(), **fields))
            for index in range(count)
        ]
        return [future.result() for future in asked]


def _await_text(stack: ExitStack, url: str, body: dict[str, object]) -> Iterator[str]:
    """Ask, read up to the first piece of text, and return the lines that are still to come: who
    drops them closes the stream."""
    asked = stack.enter_context(httpx.stream("POST", url + PATH, json=body, timeout=20))
    lines = asked.iter_lines()
    while "关于" not in next(lines):
        pass
    return lines


def test_who_joins_another_gateways_computation_records_its_replica(
    pair: list[str], stub: StubReplica, tmp_path: Path
) -> None:
    stub.delay_s = 1.0
    with ThreadPoolExecutor(1) as threads:
        leader = threads.submit(post, pair[0], chat("what?", photo()))
        wait_until("the leader's call", lambda: bool(stub.calls))
        assert post(pair[1], chat("what?", photo())).headers["x-cache"] == "joined"
        leader.result()
    found = {(row["cache"], row["replica"]) for row in rows(f"sqlite:///{tmp_path / 'log.db'}")}
    assert found == {("miss", replica_name(stub.url)), ("joined", replica_name(stub.url))}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("delay_s", [0.0, 0.5])
def test_fifty_equal_questions_at_two_gateways_are_one_call(
    pair: list[str], stub: StubReplica, stream: bool, delay_s: float
) -> None:
    stub.delay_s = delay_s
    answers = ask_all(pair, 50, stream=stream)
    assert {text_of(answer) for answer in answers} == {ANSWER}
    assert len(stub.calls) == 1
    outcomes = [answer.headers["x-cache"] for answer in answers]
    assert outcomes.count("miss") == 1
    assert set(outcomes) <= {"miss", "joined", "hit"}


def test_a_follower_at_another_gateway_hears_the_text_as_it_grows(
    pair: list[str], stub: StubReplica
) -> None:
    stub.delay_s = 2.0
    with ThreadPoolExecutor(1) as threads:
        leader = threads.submit(post, pair[0], chat("what?", photo(), stream=True))
        wait_until("the leader's call", lambda: bool(stub.calls))
        body = chat("what?", photo(), stream=True)
        with httpx.stream("POST", pair[1] + PATH, json=body, timeout=20) as answer:
            assert answer.headers["x-cache"] == "joined"
            lines = answer.iter_lines()
            while "关于" not in next(lines):
                pass
            assert not leader.done()
            assert any("[DONE]" in line for line in lines)
        assert text_of(leader.result()) == ANSWER
    assert len(stub.calls) == 1


def test_the_leader_s_client_may_leave_without_harm_to_another_gateway_s(
    pair: list[str], stub: StubReplica
) -> None:
    stub.delay_s = 2.0
    body = chat("what?", photo(), stream=True)
    with ExitStack() as leaving, ExitStack() as staying:
        _leader = _await_text(leaving, pair[0], body)
        follower = _await_text(staying, pair[1], body)
        leaving.close()
        assert "好" in "".join(follower)
    assert len(stub.calls) == 1
    assert stub.cancelled == 0


def test_a_leader_nobody_follows_is_cancelled_and_its_lease_let_go(
    pair: list[str], stub: StubReplica, client: redis.Redis
) -> None:
    stub.delay_s = 30.0
    body = chat("what?", photo(), stream=True)
    with httpx.stream("POST", pair[0] + PATH, json=body, timeout=20) as leader:
        lines = leader.iter_lines()
        while "关于" not in next(lines):
            pass
        assert client.keys(f"{LEASES}:*")
    wait_until("cancelled", lambda: stub.cancelled == 1, 3)
    leases = [name for name in client.keys(f"{LEASES}:*") if client.type(name) == b"hash"]  # type: ignore[union-attr]
    assert not leases


def test_an_error_of_the_leader_is_everybody_s(pair: list[str], stub: StubReplica) -> None:
    stub.behaviour = "cut"
    stub.delay_s = 3.0  # long enough for all six to have come, on a busy machine too
    answers = ask_all(pair, 6)
    assert {answer.status_code for answer in answers} == {502}
    assert len(stub.calls) == 1


@pytest.fixture
def doomed(tmp_path: Path, stub: StubReplica, redis_url: str) -> Iterator[Server]:
    with gateway_process(tmp_path, REPLICAS=stub.url, REDIS_URL=redis_url) as server:
        yield server


@pytest.mark.long
def test_when_the_leader_s_process_is_killed_a_survivor_leads(
    doomed: Server, pair: list[str], stub: StubReplica
) -> None:
    stub.delay_s = 1.5
    with ThreadPoolExecutor(12) as threads, ExitStack() as stack:
        leader = httpx.stream("POST", doomed.url + PATH, json=chat("what?", photo(), stream=True))
        lines = stack.enter_context(leader).iter_lines()  # dropped, it would close the stream
        next(lines)
        body = chat("what?", photo())
        plain = [threads.submit(post, pair[0], body) for _ in range(6)]
        streamed = [threads.submit(post, pair[0], {**body, "stream": True}) for _ in range(5)]
        time.sleep(0.5)
        begun = time.monotonic()
        doomed.process.send_signal(signal.SIGKILL)
        answers = [future.result() for future in plain + streamed]
        assert {text_of(answer) for answer in answers} == {ANSWER}
        assert time.monotonic() - begun < LEASE_MS / 1000 + 1.5 + 2
    assert len(stub.calls) == 2


@pytest.mark.long
def test_what_a_second_leader_says_otherwise_ends_a_stream_with_an_error(
    doomed: Server, pair: list[str], stub: StubReplica
) -> None:
    stub.delay_s = 2.0
    body = chat("what?", photo(), stream=True)
    with ExitStack() as stack:
        _leader = _await_text(stack, doomed.url, body)
        follower = _await_text(stack, pair[0], body)
        stub.opening = "Something else"
        doomed.process.send_signal(signal.SIGKILL)
        last = [line for line in follower if line][-1]
    assert json.loads(last.removeprefix("data: "))["error"]["code"] == "replica_failed"
    assert len(stub.calls) == 2


def test_no_store_and_no_cache_are_honoured(pair: list[str], stub: StubReplica) -> None:
    def asked(control: str, at: int = 0) -> str:
        return post(pair[at], chat("what?", photo()), **{"cache-control": control}).headers[
            "x-cache"
        ]

    assert asked("no-store") == "miss"
    assert asked("max-age=60") == "miss"  # the one before was not kept
    assert asked("max-age=60", at=1) == "hit"
    time.sleep(1.1)
    assert asked("max-age=0") == "miss"  # computed anew, and kept
    assert asked("no-cache", at=1) == "miss"
    assert asked("max-age=" + "9" * 5000) == "hit"
    assert len(stub.calls) == 4


def test_a_stale_answer_is_given_out_and_computed_anew_once(
    start_gateway: Start, stub: StubReplica, redis_url: str, client: redis.Redis
) -> None:
    settings = {"redis_url": redis_url, "answer_fresh_s": 1}
    pair = [start_gateway(replicas=stub.url, **settings) for _ in range(2)]
    post(pair[0], chat("what?", photo()))
    time.sleep(1.2)
    stub.answer = "newer"
    stub.delay_s = 2.0  # all ten have come before it is computed
    stale = ask_all(pair, 10)
    assert {answer.headers["x-cache"] for answer in stale} == {"stale"}
    assert {text_of(answer) for answer in stale} == {ANSWER}
    assert min(int(answer.headers["age"]) for answer in stale) >= 1
    wait_until(
        "the new answer", lambda: text_of(post(pair[1], chat("what?", photo()))) == "关于newer", 10
    )
    assert len(stub.calls) == 2


async def test_without_redis_each_gateway_still_computes_once(
    start_gateway: Start, stub: StubReplica
) -> None:
    stub.delay_s = 2.5  # long enough for all twenty to have come, on a busy machine too
    urls = [start_gateway(replicas=stub.url, redis_url="redis://127.0.0.1:9/0") for _ in range(2)]
    answers = await asyncio.to_thread(ask_all, urls, 20)
    assert {text_of(answer) for answer in answers} == {ANSWER}
    assert len(stub.calls) == 2
