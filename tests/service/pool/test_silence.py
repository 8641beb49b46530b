"""vLLM's engine is a process of its own. When it stops, /health is good, and each question gets the
head of an answer."""

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.support.asking import chat, photo, post, text_of
from tests.support.foreign_replica import ForeignReplica, foreign_replica
from tests.support.servers import wait_until

Start = Callable[..., str]
MODEL = "Qwen/Qwen3-VL-8B-Instruct"
SETTINGS = {"replica_silence_s": 0.5, "deadline_ms": 20_000}


@pytest.fixture
def server() -> Iterator[ForeignReplica]:
    with foreign_replica(MODEL) as replica:
        yield replica
        replica.stopped = False


def upstreams(*servers: ForeignReplica) -> str:
    return json.dumps([{"url": server.url, "kind": "vllm"} for server in servers])


def ready(gateway: str) -> bool:
    return httpx.get(f"{gateway}/readyz").status_code == 200


def test_the_silence_of_a_single_server_reaches_readyz_and_its_return_too(
    start_gateway: Start, server: ForeignReplica
) -> None:
    gateway = start_gateway(upstreams=upstreams(server), **SETTINGS)
    text_of(post(gateway, chat("before?", photo())))
    server.stopped = True
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(post, gateway, chat("meanwhile?", photo()))
        wait_until("noticed", lambda: not ready(gateway))
        began = time.monotonic()
        refused = post(gateway, chat("now?", photo()))
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "no_replica")
        assert time.monotonic() - began < 5, "nobody waits for what does not come"
        time.sleep(1)
        assert not ready(gateway), "its health check alone does not bring it back"
        trials = [call for call in server.calls if call["max_tokens"] == 1]
        assert trials
        server.stopped = False
        wait_until("back", lambda: ready(gateway))
        assert text_of(waiting.result()) == "看起来是皮革"
    assert text_of(post(gateway, chat("after?", photo()))) == "看起来是皮革"


def test_beside_another_server_a_stopped_one_costs_the_silence_only(
    start_gateway: Start, server: ForeignReplica
) -> None:
    with foreign_replica(MODEL) as other:
        servers = upstreams(server, other)
        gateway = start_gateway(upstreams=servers, retry_floor_per_s=100.0, **SETTINGS)
        server.stopped = True

        def ask(number: int) -> tuple[str, float]:
            began = time.monotonic()
            answer = text_of(post(gateway, chat(f"{number}?", photo(number))))
            return answer, time.monotonic() - began

        with ThreadPoolExecutor(6) as pool:
            answers = list(pool.map(ask, range(36)))
        assert {answer for answer, _ in answers} == {"看起来是皮革"}
        assert max(took for _, took in answers) < 5, "half of the deadline is 10 s"
        assert server.calls


def test_a_server_that_is_slow_for_once_stays_ready(
    start_gateway: Start, server: ForeignReplica
) -> None:
    gateway = start_gateway(upstreams=upstreams(server), **SETTINGS)
    states: list[bool] = []
    with ThreadPoolExecutor() as pool:
        server.stopped = True
        waiting = pool.submit(post, gateway, chat("what?", photo()))
        wait_until("tried", lambda: any(call["max_tokens"] == 1 for call in server.calls))
        server.stopped = False
        while not waiting.done():
            states.append(ready(gateway))
        assert text_of(waiting.result()) == "看起来是皮革"
    assert all(states)
    assert ready(gateway)


def test_a_server_that_has_no_room_for_the_trial_is_not_silent(
    start_gateway: Start, server: ForeignReplica
) -> None:
    gateway = start_gateway(upstreams=upstreams(server), **SETTINGS)
    states: list[bool] = []
    with ThreadPoolExecutor() as pool:
        server.stopped = True
        waiting = pool.submit(post, gateway, chat("what?", photo()))
        wait_until("asked", lambda: server.calls)
        server.refuse = {"message": "Rate limit reached", "code": 429}
        wait_until("tried again and again", lambda: len(server.calls) > 2)
        states += [ready(gateway) for _ in range(20)]
        server.stopped, server.refuse = False, None
        assert text_of(waiting.result()) == "看起来是皮革"
    assert all(states)


def test_who_is_asked_nothing_is_not_silent(start_gateway: Start, server: ForeignReplica) -> None:
    gateway = start_gateway(upstreams=upstreams(server), **SETTINGS)
    text_of(post(gateway, chat("what?", photo())))
    before = len(server.calls)
    time.sleep(1.5)
    assert ready(gateway)
    assert len(server.calls) == before, "no trial without a question that waits"
