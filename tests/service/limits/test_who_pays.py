"""Whose day a computation is taken from, when those who ask the same come and go."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import httpx
import pytest

from tests.support.asking import chat, text_of
from tests.support.servers import wait_until
from tests.support.stub_replica import StubReplica

Start = Callable[..., str]
PATH = "/v1/chat/completions"
ANSWER = "关于「Held?」:好"


@pytest.fixture
def shoppers(start_gateway: Start, stub: StubReplica) -> Iterator[list[httpx.Client]]:
    """Two, each with a session that has less left than the ten tokens of an answer."""
    url = start_gateway(replicas=stub.url, session_limits="tokens_per_day=9", answer_fresh_s=1)
    with ExitStack() as stack:
        clients = [stack.enter_context(httpx.Client(base_url=url)) for _ in range(2)]
        for client in clients:  # the first has no session yet
            assert status(client, "who?") == 200
        stub.calls.clear()
        yield clients


def status(client: httpx.Client, question: str) -> int:
    return client.post(PATH, json=chat(question)).status_code


def test_who_leaves_before_the_first_word_pays_for_what_goes_on_for_others(
    shoppers: list[httpx.Client], stub: StubReplica
) -> None:
    one, other = shoppers
    stub.held = {"Held"}
    with ThreadPoolExecutor(2) as threads:
        leading = threads.submit(one.post, PATH, json=chat("held?"), timeout=1.5)
        wait_until("the leader's call", lambda: bool(stub.calls))
        following = threads.submit(other.post, PATH, json=chat("held?"))
        assert isinstance(leading.exception(), httpx.ReadTimeout)
        time.sleep(0.3)
        stub.held = set()
        follower = following.result()
    assert (follower.headers["x-cache"], text_of(follower)) == ("joined", ANSWER)
    assert len(stub.calls) == 1
    assert [status(one, "more?"), status(other, "more?")] == [429, 200]


def test_who_leaves_after_the_first_word_pays_all_of_what_goes_on_for_others(
    shoppers: list[httpx.Client], stub: StubReplica
) -> None:
    one, other = shoppers
    stub.delay_s = 1
    asked = chat("held?", stream=True)
    leader = one.send(one.build_request("POST", PATH, json=asked), stream=True)
    follower = other.send(other.build_request("POST", PATH, json=asked), stream=True)
    leader.close()
    follower.read()
    stub.delay_s = 0
    assert (follower.headers["x-cache"], text_of(follower)) == ("joined", ANSWER)
    assert len(stub.calls) == 1
    assert [status(one, "more?"), status(other, "more?")] == [429, 200]


def test_nobody_pays_for_a_stale_answer_s_successor(
    shoppers: list[httpx.Client], stub: StubReplica
) -> None:
    one, _ = shoppers
    time.sleep(1.2)
    stale = one.post(PATH, json=chat("who?"))
    assert stale.headers["x-cache"] == "stale"
    wait_until("it is computed anew", lambda: bool(stub.calls))
    wait_until(
        "it is stored", lambda: one.post(PATH, json=chat("who?")).headers["x-cache"] == "hit"
    )
    assert status(one, "more?") == 200
